import type { Pod } from '../cluster/objects.ts';
import { podName } from '../cluster/pods.ts';
import type { Kubernetes } from '../cluster/ports.ts';
import { matchesLabelQuery } from '../cluster/selectors.ts';
import { joinRun } from '../journal/run.ts';
import { migrateCluster } from '../redis/cluster/migrate.ts';
import { connectRedis, type RedisConnection } from '../redis/connection.ts';
import type { Failover, MigrationContext, Moved } from '../redis/context.ts';
import { migrateSentinelSet } from '../redis/sentinel/migrate.ts';
import { ofRedisLabel, parseRedis, type RedisTarget } from '../redis/settings.ts';
import { migrationSummary } from '../redis/summary.ts';
import { digestNote } from '../rotation/rotation.ts';
import { messageOf, names } from '../text.ts';
import { readCluster } from './common.ts';
import type { Operation, Session } from './contract.ts';
import { InputReader } from './inputs.ts';
import { migrateRedisContract } from './migrate-redis-contract.ts';

export const migrateRedis: Operation = {
  contract: migrateRedisContract,
  async run(session) {
    const inputs = readInputs(session.inputs);
    const kubernetes = await session.kubernetes();
    const run = await joinRun({
      kubernetes,
      clock: session.clock,
      signal: session.signal,
      caller: session.caller,
      say: session.say,
      runId: inputs.runId,
    });
    const moved: Moved[] = [];
    const failovers: Failover[] = [];
    let failure = '';
    try {
      refuseOtherPlan(run.journal.noted(digestNote), inputs);
      const context: MigrationContext = {
        kubernetes,
        clock: session.clock,
        signal: run.signal,
        journal: run.journal,
        nodes: new Set(inputs.nodes),
        timeouts: inputs.timeouts,
        failBack: inputs.failBack,
        say: session.say,
        connect: connector(kubernetes, inputs.redis),
        onMoved(one) {
          moved.push(one);
          session.output('migrated', JSON.stringify(moved.map((m) => m.pod)));
        },
        onFailover: (failover) => failovers.push(failover),
      };
      session.output('migrated', '[]');
      await migrateAll(context, inputs.redis);
    } catch (error) {
      failure = messageOf(error);
    }
    const verdict = session.signal.aborted
      ? 'stopped'
      : failure
        ? 'failed'
        : moved.length > 0
          ? 'completed'
          : 'nothing-to-do';
    session.output('verdict', verdict);
    session.summary(migrationSummary(verdict, moved, failovers, failure));
    // The run goes on with rotate-nodes phase: drain, or with a resume.
    await run.leave(false);
    if (failure) throw new Error(failure);
    session.say(moved.length > 0 ? `Moved ${names(moved.map((m) => m.pod))}.` : 'No Redis pod had to move.');
  },
};

/** Different Redis deployments do not know each other, so they move at the same time; the first failure ends all. */
async function migrateAll(context: MigrationContext, targets: readonly RedisTarget[]): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const results = await Promise.allSettled(
    targets.map(async (target) => {
      const own = { ...context, signal, say: (line: string) => context.say(`[${target.name}] ${line}`) };
      try {
        await (target.kind === 'sentinel' ? migrateSentinelSet(own, target) : migrateCluster(own, target));
      } catch (error) {
        failed.abort(new Error(`stopped, because ${target.name} failed`));
        throw new Error(`${target.name}: ${messageOf(error)}`);
      }
    }),
  );
  const errors = results.flatMap((r) => (r.status === 'rejected' ? [messageOf(r.reason)] : []));
  if (errors.length > 0) throw new Error(errors.join('\n'));
}

function connector(
  kubernetes: Kubernetes,
  targets: readonly RedisTarget[],
): (pod: Pod, port: number) => Promise<RedisConnection> {
  const passwords = new Map<string, Promise<string | undefined>>();
  const passwordOf = (target: RedisTarget): Promise<string | undefined> => {
    const known = passwords.get(target.name) ?? readPassword(kubernetes, target);
    passwords.set(target.name, known);
    return known;
  };
  return async (pod, port) => {
    const { namespace = '', name } = pod.metadata;
    const target = targets.find(
      (t) =>
        t.namespace === namespace &&
        (carries(t.pods, pod) || carries(t.sentinels, pod) || pod.metadata.labels?.[ofRedisLabel] === t.name),
    );
    const password = target && port === target.port ? await passwordOf(target) : undefined;
    try {
      return await connectRedis(
        () => kubernetes.portForward({ namespace, name }, port),
        password ? { password } : {},
      );
    } catch (error) {
      throw new Error(`Cannot talk to Redis in ${podName(pod)} at port ${port}: ${messageOf(error)}`);
    }
  };
}

/** A temporary pod carries the name of its Redis instead of the labels that Services select. */
function carries(labels: string, pod: Pod): boolean {
  return labels !== '' && matchesLabelQuery(labels, pod.metadata.labels);
}

async function readPassword(
  kubernetes: Kubernetes,
  { namespace, passwordSecret }: RedisTarget,
): Promise<string | undefined> {
  if (!passwordSecret) return undefined;
  const { name, key } = passwordSecret;
  const secret = await kubernetes.get('secrets', { namespace, name });
  const value = secret?.data?.[key];
  if (value === undefined)
    throw new Error(`password-secret: there is no key ${key} in Secret ${namespace}/${name}.`);
  return Buffer.from(value, 'base64').toString('utf8');
}

function refuseOtherPlan(digest: unknown, inputs: { planDigest: string; runId: string }): void {
  if (digest === inputs.planDigest) return;
  throw new Error(
    `plan-digest: got ${inputs.planDigest}, but run ${inputs.runId} has the plan ${String(digest)}. Run rotate-nodes phase: prepare again and hand on its outputs.`,
  );
}

function readInputs(raw: Session['inputs']) {
  const read = new InputReader(raw);
  readCluster(read);
  read.required('redis', 'a YAML list of {name, namespace, kind, pods}');
  const nodesText = read.required('nodes', 'the output nodes of rotate-nodes phase: prepare');
  const inputs = {
    redis: read.yaml('redis', parseRedis, []),
    runId: read.required('run-id', 'the output run-id of rotate-nodes phase: prepare'),
    planDigest: read.required('plan-digest', 'the output plan-digest of rotate-nodes phase: prepare'),
    nodes: nodesText ? read.yaml('nodes', listOfNames, []) : [],
    failBack: read.flag('fail-back'),
    timeouts: {
      pod: read.duration('pod-timeout', { minMs: 1000 }),
      sync: read.duration('sync-timeout', { minMs: 1000 }),
      failover: read.duration('failover-timeout', { minMs: 1000 }),
    },
  };
  read.finish();
  return inputs;
}

function listOfNames(document: unknown): string[] {
  if (Array.isArray(document) && document.every((n) => typeof n === 'string')) return document;
  throw new Error('expected a JSON list of node names');
}
