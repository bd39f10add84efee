import { type HandedPlan, handOn, mostListed } from '../handed-plan.ts';
import type { Plan } from '../plan.ts';
import type { Blocker } from './blockers.ts';
import type { Forecast } from './forecast.ts';

/** The output `plan`: what a later step needs to tell the difference, and what programs may want to read. */
export interface PlanOutput extends HandedPlan {
  /** How many waves there are. */
  waves: number;
  /** Which nodes leave in which wave, with their zones. */
  order: WaveOutput[];
  /** How many nodes were left out of `order` and `instances`, because the lists end at so many. */
  notListed?: number;
  forecast?: ForecastOutput;
}

export interface WaveOutput {
  /** Whether nodes of it are the first to run the configuration of their group. */
  canary?: true;
  seconds?: number;
  /** Node name to zone; an instance without a node goes by its id. */
  nodes: Record<string, string>;
}

export interface ForecastOutput {
  seconds: number;
  largest: { what: string; seconds: number }[];
  /** The most nodes of all groups at once. */
  peak: number;
  /** How many workloads stop the rotation unless somebody changes something. */
  blocking: number;
  blockers: (Omit<Blocker, 'nodes'> & { nodes: string[] })[];
  how: string;
  changes: string[];
  assumed: string[];
}

const most = { shares: 10, blockers: 50, nodes: 5, changes: 50 };

export function planOutput(plan: Plan, settings: object, told?: Forecast): PlanOutput {
  const seconds = told?.duration.waves.map((w) => Math.round(w.ms / 1000));
  let listed = 0;
  const order = plan.waves.flatMap((wave, n): WaveOutput[] => {
    const room = mostListed - listed;
    if (room <= 0) return [];
    const members = wave.slice(0, room);
    listed += members.length;
    return [
      {
        ...(wave.some((m) => m.canary) ? { canary: true as const } : {}),
        ...(seconds ? { seconds: seconds[n] ?? 0 } : {}),
        nodes: Object.fromEntries(members.map((m) => [m.node || m.instanceId, m.zone])),
      },
    ];
  });
  const left = plan.waves.flat().length - listed;
  return {
    ...handOn(plan, settings),
    waves: plan.waves.length,
    order,
    ...(left > 0 ? { notListed: left } : {}),
    ...(told ? { forecast: forecastOutput(told) } : {}),
  };
}

function forecastOutput({ duration, blockers, how, peak, changes, assumed }: Forecast): ForecastOutput {
  return {
    seconds: Math.round(duration.ms / 1000),
    largest: duration.shares
      .slice(0, most.shares)
      .map(({ what, ms }) => ({ what, seconds: Math.round(ms / 1000) })),
    peak,
    blocking: blockers.filter((b) => b.outlook === 'blocks').length,
    blockers: blockers.slice(0, most.blockers).map((b) => ({ ...b, nodes: b.nodes.slice(0, most.nodes) })),
    how,
    changes: changes.slice(0, most.changes),
    assumed,
  };
}
