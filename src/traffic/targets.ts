/** One service to watch. */
export interface TrafficTarget {
  name: string;
  url: string;
  method: string;
  headers: Record<string, string>;
  body: string;
  /** Inclusive range of good status codes. */
  expect: { from: number; to: number };
  timeoutMs: number;
}

const known = ['name', 'url', 'method', 'headers', 'body', 'expect-status', 'timeout'];

/**
 * Reads the YAML document of the `targets` input: a list of
 * `{name, url, method?, headers?, body?, expect-status?: 200-399, timeout?: 2s}`.
 * @throws Error that lists every problem.
 */
export function parseTargets(document: unknown): TrafficTarget[] {
  if (!Array.isArray(document) || document.length === 0)
    throw new Error('expected a list of {name, url} with at least one entry');
  const problems: string[] = [];
  const targets = document.map((entry, i) => parseTarget(entry, `entry ${i + 1}`, problems));
  const twice = targets.find((t, i) => targets.findIndex((o) => o.name === t.name) !== i);
  if (twice) problems.push(`name ${twice.name} is used twice`);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return targets;
}

function parseTarget(entry: unknown, where: string, problems: string[]): TrafficTarget {
  const given = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
  for (const key of Object.keys(given))
    if (!known.includes(key))
      problems.push(`${where}: unknown key ${key}, expected one of ${known.join(', ')}`);
  const text = (key: string, fallback?: string): string => {
    const value = given[key] ?? fallback;
    if (typeof value === 'string' && (value !== '' || fallback === '')) return value;
    problems.push(`${where}: ${key} is missing`);
    return '';
  };
  const url = text('url');
  if (url && !/^https?:\/\/[^/]+/.test(url))
    problems.push(`${where}: url: got ${JSON.stringify(url)}, expected http://… or https://…`);
  const status = /^(\d{3})(?:-(\d{3}))?$/.exec(String(given['expect-status'] ?? '200-399'));
  if (!status)
    problems.push(
      `${where}: expect-status: got ${JSON.stringify(given['expect-status'])}, expected 200 or 200-399`,
    );
  const timeout = /^(\d+)(ms|s)$/.exec(String(given.timeout ?? '5s'));
  if (!timeout)
    problems.push(`${where}: timeout: got ${JSON.stringify(given.timeout)}, expected 500ms or 5s`);
  return {
    name: text('name'),
    url,
    method: text('method', 'GET').toUpperCase(),
    headers: (given.headers ?? {}) as Record<string, string>,
    body: text('body', ''),
    expect: { from: Number(status?.[1] ?? 200), to: Number(status?.[2] ?? status?.[1] ?? 399) },
    timeoutMs: Number(timeout?.[1] ?? 5) * (timeout?.[2] === 'ms' ? 1 : 1000),
  };
}
