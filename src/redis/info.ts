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
  /** Replicas that have everything and answered within the last seconds; only these count for min-replicas-to-write. */
  onlineReplicas: number;
  /** Zero means that it must never become master. */
  priority: number;
  /** With min-replicas-to-write set: how many replicas are good enough for a write to be taken. */
  goodReplicas: number;
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
    onlineReplicas: Object.entries(info).filter(([key, value]) => /^slave\d+$/.test(key) && isOnline(value))
      .length,
    priority: Number(info.slave_priority ?? 100),
    goodReplicas: Number(info.min_slaves_good_slaves ?? Number.NaN),
    replid: info.master_replid ?? '',
    replid2: info.master_replid2 ?? '',
    secondOffset: Number(info.second_repl_offset ?? -1),
  };
}

const mostLagSeconds = 2;

/** Of a line such as `ip=10.0.0.7,port=6379,state=online,offset=56,lag=1`. */
function isOnline(line: string): boolean {
  const facts = Object.fromEntries(line.split(',').map((part) => part.split('=')));
  return facts.state === 'online' && Number(facts.lag) <= mostLagSeconds;
}

/** Commands that an idle server answers all the time, and reads of every kind: none of them can have changed a key. */
const harmless = new Set(
  `acl asking auth bgrewriteaof bgsave client cluster command config dbsize dump echo exists expiretime geodist geopos
  georadius_ro get getbit getrange hello hexists hget hgetall hkeys hlen hmget hrandfield hscan hstrlen hvals info keys
  lastsave latency lcs lindex llen lolwut lpos lrange memory mget module monitor multi exec discard object pexpiretime
  pfcount ping psubscribe psync pttl publish punsubscribe quit randomkey readonly readwrite replconf replicaof reset role
  save scan scard sdiff select shutdown sinter sintercard sismember slaveof slowlog smembers smismember srandmember sscan
  strlen subscribe substr sunion sync time touch ttl type unsubscribe unwatch wait watch xinfo xlen xpending xrange xread
  xrevrange zcard zcount zdiff zinter zintercard zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank
  zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore zunion`.split(/\s+/),
);

/**
 * The commands that may have changed keys since the server started, by INFO commandstats. What it loaded from its disk does
 * not count there, unlike in rdb_changes_since_last_save. A command that is not known counts as a write.
 */
export function writesSinceStart(info: Record<string, string>): string[] {
  return Object.entries(info).flatMap(([key, value]) => {
    if (!key.startsWith('cmdstat_')) return [];
    const command = key.slice('cmdstat_'.length);
    const calls = Number(/calls=(\d+)/.exec(value)?.[1] ?? 0);
    const failed = Number(/failed_calls=(\d+)/.exec(value)?.[1] ?? 0);
    return harmless.has(command.split('|')[0] ?? '') || calls <= failed ? [] : [command];
  });
}
