/** `90_000` → `1m30s`, `250` → `250ms`; for people, so never more than two units. */
export function describeDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 ? `${minutes}m${seconds % 60}s` : `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return minutes % 60 ? `${hours}h${minutes % 60}m` : `${hours}h`;
}

/** `1 node`, `3 nodes`, `2 replicas are`; the plural is the singular plus s unless given. */
export function count(n: number, singular: string, plural = `${singular}s`): string {
  return `${n} ${n === 1 ? singular : plural}`;
}

/** `a`, `a and b`, `a, b and 3 more`: names for people, cut at `most`. */
export function names(list: readonly string[], most = 5): string {
  if (list.length <= 1) return list[0] ?? 'none';
  if (list.length <= most) return `${list.slice(0, -1).join(', ')} and ${list.at(-1)}`;
  return `${list.slice(0, most).join(', ')} and ${list.length - most} more`;
}

/** The message of anything that was thrown; WebSockets throw events, which are no Errors. */
export function messageOf(error: unknown): string {
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' && message ? message : String(error);
}
