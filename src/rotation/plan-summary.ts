import { count, describeDuration, names } from '../text.ts';
import type { Forecast } from './forecast/forecast.ts';
import { copiesOf } from './image/intent.ts';
import type { Plan, PlannedGroup } from './plan.ts';

/** So many rows a table may have; the output `plan` has them all. */
const mostRows = 60;

/** The plan as people read it in the job summary. */
export function planSummary(plan: Plan, told?: Forecast): string[] {
  const lines = [...(told && plan.waves.length > 0 ? [outcome(plan, told), ''] : []), ...groupTable(plan)];
  if (!told || plan.waves.length === 0) return lines;
  return [
    ...lines,
    ...waveTable(plan, told),
    ...blockerTable(told),
    ...durationList(told),
    ...changeList(told),
  ];
}

/** The most important in one sentence, also for the log. */
export function outcome(plan: Plan, { duration, blockers, peak }: Forecast): string {
  const nodes = plan.waves.flat().length;
  const blocking = blockers.filter((b) => b.outlook === 'blocks');
  const verdict =
    blocking.length > 0
      ? ` It will stop at ${names(
          blocking.map((b) => b.workload),
          3,
        )} unless somebody changes something.`
      : '';
  return `${count(nodes, 'node')} in ${count(plan.waves.length, 'wave')}, at most ${peak} nodes at once, about ${describeDuration(duration.ms)}; largest: ${largest(duration.shares)}.${verdict}`;
}

const largest = (shares: Forecast['duration']['shares']): string =>
  shares
    .slice(0, 3)
    .map(({ what, ms }) => `${what} ${describeDuration(ms)}`)
    .join(', ');

function groupTable(plan: Plan): string[] {
  const rows = plan.groups.map(
    (g) => `| ${g.name} | ${g.desired} | ${g.outdated.length} | ${g.peak} | ${g.template} | ${imagesOf(g)} |`,
  );
  return [
    '| Group | Nodes | Outdated | Peak | Template | Image |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    `${count(plan.waves.length, 'wave')}, plan \`${plan.digest}\`.`,
    '',
  ];
}

function imagesOf({ imageId, launch }: PlannedGroup): string {
  if (!launch) return imageId;
  return copiesOf(launch)
    .map(({ now, next }) => `${now} → ${next}`)
    .join(', ');
}

function waveTable(plan: Plan, { duration }: Forecast): string[] {
  const rows = plan.waves.map((wave, n) => {
    const nodes = wave.map((m) => `${m.node || m.instanceId} (${m.zone})${m.canary ? ' **canary**' : ''}`);
    return `| ${n + 1} | ${nodes.join('<br>')} | ${describeDuration(duration.waves[n]?.ms ?? 0)} |`;
  });
  return folded(`Waves`, ['| Wave | Nodes | About |', '|---|---|---|', ...cut(rows, 'waves', 3)]);
}

function blockerTable({ blockers, how }: Forecast): string[] {
  if (blockers.length === 0) return [`Nothing stands in the way. ${how}`, ''];
  const rows = blockers.map(
    (b) =>
      `| ${b.outlook === 'blocks' ? '**blocks**' : b.outlook.replaceAll('-', ' ')} | ${b.workload} | ${b.pods} | ${names(b.nodes, 2)} | ${cell(b.why)} | ${cell(b.action)} |`,
  );
  return [
    '**What stands in the way**',
    '',
    '| | Workload | Pods | Nodes | Why | What the rotation does |',
    '|---|---|---|---|---|---|',
    ...cut(rows, 'workloads', 6),
    '',
    how,
    '',
  ];
}

function durationList({ duration, assumed }: Forecast): string[] {
  const lines = duration.shares.slice(0, 10).map(({ what, ms }) => `- ${what}: ${describeDuration(ms)}`);
  return [
    `**About ${describeDuration(duration.ms)}**, without what blocks and without pods that end by themselves`,
    '',
    ...lines,
    ...assumed.map((a) => `- assumed: ${a}`),
    '',
  ];
}

const changeList = ({ changes }: Forecast): string[] => [
  '**What changes, and is put back**',
  '',
  ...cut(
    changes.map((c) => `- ${c}`),
    'changes',
  ),
  '',
];

const folded = (title: string, lines: string[]): string[] => [
  `<details><summary>${title}</summary>`,
  '',
  ...lines,
  '',
  '</details>',
  '',
];

function cut(rows: string[], what: string, columns = 0): string[] {
  if (rows.length <= mostRows) return rows;
  const more = `${rows.length - mostRows} more ${what}: see the output plan`;
  return [...rows.slice(0, mostRows), columns > 0 ? `| ${more} ${'|'.repeat(columns)}` : `- ${more}`];
}

/** Messages of API servers must not end a cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
