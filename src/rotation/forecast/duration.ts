import { steadyAllowance } from '../../cluster/budgets.ts';
import type { Timeouts } from '../context.ts';
import type { Plan } from '../plan.ts';
import type { History } from './history.ts';
import type { Workload } from './workloads.ts';

/** Something that makes a rotation last, by the name that people know it by. */
export interface Share {
  what: string;
  ms: number;
}

/** A step of a wave, and what decides how long it takes. How long connections last at load balancers nobody knows. */
type Step = Exclude<keyof Timeouts, 'grace' | 'deregistration'> | 'soak' | 'interval';

export interface WaveForecast {
  ms: number;
  steps: Record<Step, Share>;
}

export interface DurationForecast {
  ms: number;
  waves: WaveForecast[];
  /** Largest first; they add up to the whole. */
  shares: Share[];
}

export interface Pace {
  settleMs: number;
  soakMs: number;
  intervalMs: number;
  requiredPasses: number;
}

/** A workload without its pods: they are many, and a rotation is long. */
export type Moving = Omit<Workload, 'pods'>;

/** A node's share of its workloads: how many pods of which. */
export type Loads = ReadonlyMap<string, ReadonlyMap<Moving, number>>;

export function loadsOf(workloads: readonly Workload[]): Loads {
  const loads = new Map<string, Map<Moving, number>>();
  for (const { pods, ...moving } of workloads) {
    if (moving.stays || moving.endsItself) continue;
    for (const pod of pods) {
      const node = pod.spec.nodeName ?? '';
      const load = loads.get(node) ?? new Map<Moving, number>();
      load.set(moving, (load.get(moving) ?? 0) + 1);
      loads.set(node, load);
    }
  }
  return loads;
}

/** Between two looks of the gate. */
const gateLookMs = 500;
/** Between two requests to evict a pod whose budget is full. */
const askAgainMs = 1000;
/** A drain looks again, once it is empty. */
const twoLooksMs = 800;
/** A controller notices that a volume is no longer in use, and has it detached. */
const detachMs = 10_000;
/** What comes before the first wave and after the last: cluster-autoscaler stops, and every setting is put back. */
const framingMs = 5000;
const framing = 'beginning and putting back';

/**
 * How long the waves will take: a wave is a chain of steps, each as long as the slowest that it waits for. Pods that end by
 * themselves and what blocks for ever are not in it; nobody knows how long that takes.
 * @param surgesFirst how many members of a group get their replacement before they leave
 */
export function forecastDuration(
  plan: Pick<Plan, 'waves'>,
  loads: Loads,
  history: History,
  pace: Pace,
  surgesFirst: (group: string) => number,
): DurationForecast {
  const waves = plan.waves.map((wave, n) => {
    const last = n === plan.waves.length - 1;
    return forecastWave(wave, loads, history, last ? { ...pace, intervalMs: 0 } : pace, surgesFirst);
  });
  const total = new Map<string, number>();
  const count = (share: Share) => total.set(share.what, (total.get(share.what) ?? 0) + share.ms);
  for (const { steps } of waves) for (const share of Object.values(steps)) count(share);
  if (waves.length > 0) count({ what: framing, ms: framingMs });
  const shares = [...total].map(([what, ms]) => ({ what, ms })).filter((s) => s.ms > 0);
  return {
    ms: sumOf(shares.map((s) => s.ms)),
    waves,
    shares: shares.sort((a, b) => b.ms - a.ms),
  };
}

/** What comes one after the other, with one beginning and one end. */
export function inTurn(...forecasts: DurationForecast[]): DurationForecast {
  const total = new Map<string, number>();
  for (const { what, ms } of forecasts.flatMap((f) => f.shares))
    total.set(what, what === framing ? ms : (total.get(what) ?? 0) + ms);
  const shares = [...total].map(([what, ms]) => ({ what, ms })).sort((a, b) => b.ms - a.ms);
  return { ms: sumOf(shares.map((s) => s.ms)), waves: forecasts.flatMap((f) => f.waves), shares };
}

/** One wave; also used while the rotation runs, to say when a wait should end. */
export function forecastWave(
  wave: readonly { group: string; node: string }[],
  loads: Loads,
  history: History,
  pace: Pace,
  surgesFirst: (group: string) => number,
): WaveForecast {
  const leaving = new Map<Moving, number>();
  for (const { node } of wave)
    for (const [workload, pods] of loads.get(node) ?? [])
      leaving.set(workload, (leaving.get(workload) ?? 0) + pods);
  const groups = [...new Set(wave.map((m) => m.group))].map((name) => {
    const size = wave.filter((m) => m.group === name).length;
    return { name, size, first: Math.min(size, surgesFirst(name)) };
  });
  const terminateMs = Math.max(0, ...groups.map((g) => history.terminateMs(g.name)));
  const boots = groups.map((g) => ({ ...g, ms: history.bootMs(g.name, g.size) }));
  const before = Math.max(0, ...boots.filter((g) => g.first > 0).map((g) => g.ms));
  // Those that leave without a replacement are replaced by their group while they terminate.
  const after = Math.max(0, ...boots.filter((g) => g.first < g.size).map((g) => g.ms - terminateMs));
  const surged = [...leaving.keys()].filter((w) => w.prospect === 'surge');
  const drain = drainOf(leaving);
  const starting = Math.max(0, ...[...leaving.keys()].map((w) => w.startMs)) - terminateMs;
  const steps: WaveForecast['steps'] = {
    node: { what: 'boot of new nodes', ms: before + after },
    rollout: {
      what: 'additional replicas (start and settle-time)',
      // All others leave meanwhile.
      ms: Math.max(0, ...surged.map((w) => w.startMs + pace.settleMs + w.leaveMs - drain.ms)),
    },
    drain,
    volume: {
      what: 'detaching volumes',
      ms: [...leaving.keys()].some((w) => w.volumes) ? detachMs : 0,
    },
    soak: { what: 'soak', ms: pace.soakMs },
    terminate: { what: 'termination of instances', ms: terminateMs },
    gate: { what: 'gates between waves', ms: pace.requiredPasses * gateLookMs + Math.max(0, starting) },
    interval: { what: 'interval', ms: pace.intervalMs },
  };
  return { steps, ms: sumOf(Object.values(steps).map((s) => s.ms)) };
}

/** Ordinary pods first, critical ones after them; each as long as its slowest. */
function drainOf(leaving: ReadonlyMap<Moving, number>): Share {
  const tiers = [false, true].map((critical) =>
    longest(sharesOf([...leaving].filter(([workload]) => workload.critical === critical))),
  );
  const [first, second] = tiers;
  const decisive = longest(tiers.flatMap((t) => t ?? []));
  return { what: decisive.what, ms: (first?.ms ?? 0) + (second?.ms ?? 0) + twoLooksMs };
}

function sharesOf(leaving: readonly (readonly [Moving, number])[]): Share[] {
  const shares: Share[] = leaving.map(([workload]) => ({
    what: 'pods that take their time to leave',
    ms: workload.leaveMs,
  }));
  const budgets = new Map(leaving.flatMap(([w]) => w.budgets.map((b) => [nameOf(b), b] as const)));
  for (const [name, budget] of budgets) {
    const own = leaving.filter(([w]) => w.budgets.includes(budget));
    const pods = own.reduce((sum, [, n]) => sum + n, 0);
    // A budget may hold several workloads: then the arithmetic of the larger one is the better guess.
    const [workload] = own.reduce((a, b) => (b[0].replicas > a[0].replicas ? b : a));
    const scale = workload.replicas + (workload.prospect === 'surge' ? 1 : 0);
    const atOnce = Math.max(1, steadyAllowance(budget, scale));
    const turns = Math.ceil(pods / atOnce) - 1;
    if (turns === 0) continue;
    // A StatefulSet makes the next pod when the old one is gone, others at once.
    const turnMs = workload.startMs + (workload.kind === 'StatefulSet' ? workload.leaveMs : 0) + askAgainMs;
    shares.push({ what: `budget ${name} (${atOnce} at a time)`, ms: turns * turnMs + workload.leaveMs });
  }
  return shares;
}

const nameOf = ({ metadata }: { metadata: { namespace?: string; name: string } }): string =>
  `${metadata.namespace}/${metadata.name}`;

const longest = (shares: readonly Share[]): Share =>
  shares.reduce((a, b) => (b.ms > a.ms ? b : a), { what: 'looking whether nodes are empty', ms: 0 });

export const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
