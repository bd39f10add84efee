/** The `key:value` lines of INFO. */
export function parseInfo(text: unknown): Record<string, string> {
  const lines = String(text)
    .split('\r\n')
    .filter((line) => line.includes(':'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

/** A flat list of names and values, as SENTINEL and CONFIG GET answer. */
export function parsePairs(answer: unknown): Record<string, string> {
  const list = Array.isArray(answer) ? answer.map(String) : [];
  const pairs: Record<string, string> = {};
  for (let i = 0; i + 1 < list.length; i += 2) pairs[list[i] ?? ''] = list[i + 1] ?? '';
  return pairs;
}

/** What INFO replication says about one data server. */
export interface Replication {
  role: 'master' | 'slave';
  masterHost: string;
  linkUp: boolean;
  syncing: boolean;
  /** The position in the replication stream: what was written as a master, or what was received as a replica. */
  offset: number;
  connectedReplicas: number;
  replid: string;
  replid2: string;
  secondOffset: number;
}

export function replicationOf(info: Record<string, string>): Replication {
  const role = info.role === 'slave' ? 'slave' : 'master';
  return {
    role,
    masterHost: info.master_host ?? '',
    linkUp: info.master_link_status === 'up',
    syncing: info.master_sync_in_progress === '1' || info.loading === '1',
    offset: Number(role === 'slave' ? info.slave_repl_offset : info.master_repl_offset),
    connectedReplicas: Number(info.connected_slaves ?? 0),
    replid: info.master_replid ?? '',
    replid2: info.master_replid2 ?? '',
    secondOffset: Number(info.second_repl_offset ?? -1),
  };
}
