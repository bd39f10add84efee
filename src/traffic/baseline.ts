import { createHash } from 'node:crypto';
import { type Kubernetes, KubernetesError } from '../cluster/ports.ts';
import type { LaneRecord } from './record.ts';
import type { LeftOut } from './standstill.ts';
import type { TrafficTarget } from './targets.ts';

/** What was recorded, and with which traffic: the same must be sent to compare. */
export interface Baseline {
  targets: TrafficTarget[];
  rate: number;
  records: LaneRecord[];
}

const namespace = 'kube-system';
const labels = { 'app.kubernetes.io/managed-by': 'eks-rolling' };
const baselineName = (id: string): string => `eks-rolling-baseline-${id}`;
const trafficName = (runId: string): string => `eks-rolling-traffic-${runId}`;

/** Keeps the baseline in the cluster and returns its id. */
export async function saveBaseline(kubernetes: Kubernetes, baseline: Baseline): Promise<string> {
  const text = JSON.stringify(baseline);
  const id = createHash('sha256').update(text).digest('hex').slice(0, 12);
  await save(kubernetes, baselineName(id), text);
  return id;
}

/** @throws Error when the cluster does not have it. */
export async function loadBaseline(kubernetes: Kubernetes, id: string): Promise<Baseline> {
  const map = await kubernetes.get('configmaps', { namespace, name: baselineName(id) });
  if (!map?.data?.record)
    throw new Error(
      `baseline: the cluster has no ConfigMap ${namespace}/${baselineName(id)}; record the baseline again with load-baseline mode: record.`,
    );
  return JSON.parse(map.data.record) as Baseline;
}

/** What the services did while a run worked; a resumed run adds its part to what there is. */
export async function saveTraffic(
  kubernetes: Kubernetes,
  runId: string,
  records: LaneRecord[],
): Promise<void> {
  const earlier = await loadTraffic(kubernetes, runId);
  const joined = records.map((record) => {
    const before = earlier?.find((e) => e.target === record.target && e.lane === record.lane);
    if (!before) return record;
    const classes = { ...before.classes };
    for (const [name, n] of Object.entries(record.classes)) classes[name] = (classes[name] ?? 0) + n;
    const missed = [before, record].flatMap((r) => r.leftOut ?? []);
    return {
      ...record,
      classes,
      blocks: [...before.blocks, ...record.blocks],
      longestGapMs: Math.max(before.longestGapMs, record.longestGapMs),
      ...(missed.length > 0 ? { leftOut: added(missed) } : {}),
    };
  });
  await save(kubernetes, trafficName(runId), JSON.stringify(joined));
}

const added = (missed: readonly LeftOut[]): LeftOut => ({
  stoodStillMs: missed.reduce((n, m) => n + m.stoodStillMs, 0),
  measurements: missed.reduce((n, m) => n + m.measurements, 0),
});

export async function loadTraffic(kubernetes: Kubernetes, runId: string): Promise<LaneRecord[] | undefined> {
  const map = await kubernetes.get('configmaps', { namespace, name: trafficName(runId) });
  return map?.data?.record ? (JSON.parse(map.data.record) as LaneRecord[]) : undefined;
}

async function save(kubernetes: Kubernetes, name: string, record: string): Promise<void> {
  try {
    await kubernetes.create('configmaps', { metadata: { namespace, name, labels }, data: { record } });
  } catch (error) {
    if (!(error instanceof KubernetesError && error.status === 409)) throw error;
    await kubernetes.update('configmaps', { metadata: { namespace, name, labels }, data: { record } });
  }
}

/** Reads the `baseline` output of load-baseline. @throws Error that says what was got. */
export function baselineId(text: string): string {
  const id = /"id"\s*:\s*"([0-9a-f]{12})"/.exec(text)?.[1];
  if (!id)
    throw new Error(
      `baseline: got ${JSON.stringify(text)}, expected the output baseline of load-baseline mode: record`,
    );
  return id;
}
