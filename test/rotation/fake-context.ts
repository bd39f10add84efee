import type { Pod, PodDisruptionBudget } from '../../src/cluster/objects.ts';
import { type Aws, type EvictionAnswer, type Kubernetes, KubernetesError } from '../../src/cluster/ports.ts';
import type { ObjectOf, Resource } from '../../src/cluster/resources.ts';
import type { Journal, Json } from '../../src/journal/journal.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';
import type { Context, RotationSettings } from '../../src/rotation/context.ts';
import { noGuard } from '../../src/rotation/gate.ts';

export const settings: RotationSettings = {
  select: { names: ['general'] },
  replace: { force: false },
  maxSurge: 1,
  maxUnavailable: 0,
  canary: false,
  clusterAutoscaler: 'none',
  jobs: 'wait',
  protectedPods: 'wait',
  rolloutSurge: 'single-and-blocked',
  withoutBudget: 'careful',
  onBlocked: 'fail',
  forceUnreadyMs: 600_000,
  minHealthyTargets: '50%',
  onFailure: 'restore',
  intervalMs: 0,
  controlPlaneIntervalMs: 0,
  soakMs: 0,
  timeBudgetMs: 3_600_000,
  settleMs: 0,
  requiredPasses: 2,
  timeouts: {
    node: 60_000,
    drain: 60_000,
    grace: 60_000,
    rollout: 60_000,
    deregistration: 60_000,
    volume: 60_000,
    terminate: 60_000,
    gate: 60_000,
  },
};

/** A journal in memory. */
export function memoryJournal(before: Record<string, Json> = {}): Journal {
  const values = new Map(Object.entries(before));
  const notes = new Map<string, Json>();
  return {
    runId: 'run-1',
    async before(key, value) {
      if (!values.has(key)) values.set(key, value);
    },
    valueBefore: (key) => values.get(key),
    outstanding: (prefix = '') =>
      [...values].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value })),
    restored: async (key) => void values.delete(key),
    note: async (key, value) => void notes.set(key, value),
    noted: (key) => notes.get(key),
  };
}

export interface FakePods {
  context: Context;
  clock: VirtualClock;
  log: string[];
  /** When which pod was asked to leave, by UID. */
  evictions: { uid: string; at: number }[];
  /** Which were deleted, past everything that would refuse their eviction. */
  deletions: { uid: string; grace: number | undefined; at: number }[];
  pods: Pod[];
}

/** A context whose cluster consists of these pods; `answer` is the Eviction API. An accepted pod is gone a second later. */
export function fakePods(
  pods: Pod[],
  answer: (pod: Pod, at: number) => EvictionAnswer = () => ({ kind: 'accepted' }),
  budgets: PodDisruptionBudget[] = [],
  others: { [R in Resource]?: ObjectOf[R][] } = {},
): FakePods {
  const clock = new VirtualClock(0);
  const log: string[] = [];
  const fake: FakePods = { context: undefined as never, clock, log, evictions: [], deletions: [], pods };
  const kubernetes: Partial<Kubernetes> = {
    async list(resource, query = {}) {
      const node = query.fieldSelector?.replace('spec.nodeName=', '');
      const { namespace } = query;
      const pods = fake.pods.filter(
        (p) => (!node || p.spec.nodeName === node) && (!namespace || p.metadata.namespace === namespace),
      );
      const known = { pods, poddisruptionbudgets: budgets, ...others };
      const items = (known as Record<string, object[]>)[resource] ?? [];
      return { items: structuredClone(items) as never, resourceVersion: '1' };
    },
    async get() {
      return undefined;
    },
    async remove(_, { name }, { uid, resourceVersion, gracePeriodSeconds } = {}) {
      const pod = fake.pods.find((p) => p.metadata.name === name && p.metadata.uid === uid);
      if (!pod) return false;
      if (resourceVersion !== pod.metadata.resourceVersion)
        throw new KubernetesError(409, 'Conflict', 'the object has been modified');
      fake.deletions.push({ uid: uid ?? '', grace: gracePeriodSeconds, at: clock.now() });
      fake.pods = fake.pods.filter((p) => p !== pod);
      return true;
    },
    async evict({ uid }) {
      fake.evictions.push({ uid, at: clock.now() });
      const pod = fake.pods.find((p) => p.metadata.uid === uid);
      if (!pod) return { kind: 'gone' };
      const given = answer(pod, clock.now());
      if (given.kind === 'accepted') {
        pod.metadata.deletionTimestamp = new Date(clock.now() + 30_000).toISOString();
        clock.after(1000, () => {
          fake.pods = fake.pods.filter((p) => p !== pod);
        });
      }
      return given;
    },
  };
  fake.context = {
    kubernetes: kubernetes as Kubernetes,
    aws: {} as Aws,
    clock,
    signal: new AbortController().signal,
    journal: memoryJournal(),
    settings,
    guard: noGuard,
    say: (line) => void log.push(line),
    self: { hostname: 'runner', addresses: [] },
    changed: () => new Promise(() => {}),
  };
  return fake;
}
