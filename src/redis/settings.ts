import { readEntries } from '../document.ts';

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
  return readEntries(document, 'a list of {name, namespace, kind, pods}', known, (entry) => {
    const kind = entry.text('kind');
    if (kind && kind !== 'sentinel' && kind !== 'cluster') {
      entry.problem(`kind: got ${JSON.stringify(kind)}, expected sentinel or cluster`);
    }
    const secret =
      entry.value('password-secret') === undefined ? undefined : entry.text('password-secret').split('/');
    if (secret && (secret.length !== 2 || !secret[0] || !secret[1]))
      entry.problem('password-secret: expected <secret name>/<key>');
    return {
      name: entry.text('name'),
      namespace: entry.text('namespace'),
      kind: kind === 'cluster' ? 'cluster' : 'sentinel',
      pods: entry.text('pods'),
      sentinels: kind === 'sentinel' ? entry.text('sentinels') : '',
      master: kind === 'sentinel' ? entry.text('master', 'mymaster') : '',
      port: entry.port('port', 6379),
      sentinelPort: entry.port('sentinel-port', 26379),
      ...(secret?.[0] && secret[1] ? { passwordSecret: { name: secret[0], key: secret[1] } } : {}),
    };
  });
}

/** On the temporary pods of a Redis Cluster: the name of the Redis that they belong to. */
export const ofRedisLabel = 'eks-rolling/redis';

/**
 * The label queries of everything that only migrate-redis moves: data pods, Sentinels, and temporary pods. Whoever evicts one
 * of these takes a node away from a Redis Cluster that goes on waiting for it.
 */
export function redisSelections(targets: readonly RedisTarget[]): { namespace: string; labels: string }[] {
  return targets.flatMap((t) => [
    { namespace: t.namespace, labels: t.pods },
    ...(t.sentinels ? [{ namespace: t.namespace, labels: t.sentinels }] : []),
    ...(t.kind === 'cluster' ? [{ namespace: t.namespace, labels: `${ofRedisLabel}=${t.name}` }] : []),
  ]);
}
