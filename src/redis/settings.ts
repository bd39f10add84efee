/** One Redis that the run must move, as the `redis` input describes it. */
export interface RedisTarget {
  name: string;
  namespace: string;
  kind: 'sentinel' | 'cluster';
  /** Label query of the data pods. */
  pods: string;
  /** Sentinel only: label query of the Sentinels, and the name under which they watch the master. */
  sentinels: string;
  master: string;
  port: number;
  sentinelPort: number;
  /** Secret and key in the namespace, as `name/key`. */
  passwordSecret?: { name: string; key: string };
}

const known = [
  'name',
  'namespace',
  'kind',
  'pods',
  'sentinels',
  'master',
  'port',
  'sentinel-port',
  'password-secret',
];

/**
 * Reads the YAML document of the `redis` input: a list of
 * `{name, namespace, kind: sentinel|cluster, pods, sentinels?, master?, port?, sentinel-port?, password-secret?}`.
 * @throws Error that lists every problem.
 */
export function parseRedis(document: unknown): RedisTarget[] {
  if (!Array.isArray(document)) throw new Error('expected a list of {name, namespace, kind, pods}');
  const problems: string[] = [];
  const targets = document.map((entry, i) => parseTarget(entry, `entry ${i + 1}`, problems));
  const twice = targets.find((t, i) => targets.findIndex((o) => o.name === t.name) !== i);
  if (twice) problems.push(`name ${twice.name} is used twice`);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return targets;
}

function parseTarget(entry: unknown, where: string, problems: string[]): RedisTarget {
  const given = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
  for (const key of Object.keys(given))
    if (!known.includes(key))
      problems.push(`${where}: unknown key ${key}, expected one of ${known.join(', ')}`);
  const text = (key: string, fallback?: string): string => {
    const value = given[key] ?? fallback;
    if (typeof value === 'string' && value.trim()) return value.trim();
    problems.push(`${where}: ${key} is missing`);
    return '';
  };
  const port = (key: string, fallback: number): number => {
    const value = given[key] ?? fallback;
    if (Number.isInteger(value) && Number(value) > 0 && Number(value) < 65536) return Number(value);
    problems.push(`${where}: ${key}: got ${JSON.stringify(value)}, expected a port`);
    return fallback;
  };
  const kind = text('kind');
  if (kind && kind !== 'sentinel' && kind !== 'cluster')
    problems.push(`${where}: kind: got ${JSON.stringify(kind)}, expected sentinel or cluster`);
  const secret = given['password-secret'] === undefined ? undefined : text('password-secret').split('/');
  if (secret && (secret.length !== 2 || !secret[0] || !secret[1]))
    problems.push(`${where}: password-secret: expected <secret name>/<key>`);
  return {
    name: text('name'),
    namespace: text('namespace'),
    kind: kind === 'cluster' ? 'cluster' : 'sentinel',
    pods: text('pods'),
    sentinels: kind === 'sentinel' ? text('sentinels') : '',
    master: kind === 'sentinel' ? text('master', 'mymaster') : '',
    port: port('port', 6379),
    sentinelPort: port('sentinel-port', 26379),
    ...(secret?.[0] && secret[1] ? { passwordSecret: { name: secret[0], key: secret[1] } } : {}),
  };
}

/** The label queries of everything that migrate-redis moves: data pods and Sentinels. */
export function redisSelections(targets: readonly RedisTarget[]): { namespace: string; labels: string }[] {
  return targets.flatMap((t) => [
    { namespace: t.namespace, labels: t.pods },
    ...(t.sentinels ? [{ namespace: t.namespace, labels: t.sentinels }] : []),
  ]);
}
