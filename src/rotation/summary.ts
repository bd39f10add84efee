import { describeDuration } from '../text.ts';
import type { Plan } from './plan.ts';
import type { Restored } from './restore.ts';
import type { Replaced } from './rotation.ts';

export interface Story {
  runId: string;
  phase: string;
  verdict: string;
  failure: string;
  plan: Plan | undefined;
  replaced: readonly Replaced[];
  restored: Restored;
  /** What a rollback does, one line each. */
  way: readonly string[];
  /** What a person can do now, one line each. */
  next: readonly string[];
}

/** What a rotation shows in the job summary. */
export function rotationSummary(story: Story): string {
  const lines = [`### rotate-nodes ${story.phase}: ${story.verdict}`, ''];
  if (story.runId) lines.push(`Run \`${story.runId}\`.`, '');
  if (story.failure) lines.push('```text', story.failure, '```', '');
  if (story.verdict === 'incomplete')
    lines.push(
      'The time budget is used up. Everything is as it was before, apart from the nodes that were replaced.',
      '',
    );
  if (story.next.length > 0) lines.push('**What now**', '', ...story.next.map((n) => `- ${n}`), '');
  if (story.way.length > 0) lines.push('**The way back**', '', ...story.way.map((w) => `- ${w}`), '');
  if (story.plan) lines.push(...planTable(story.plan));
  if (story.replaced.length > 0) lines.push(...replacedTable(story.replaced));
  if (story.restored.done.length > 0)
    lines.push('**Put back**', '', ...story.restored.done.map((d) => `- ${d}`), '');
  if (story.restored.remaining.length > 0)
    lines.push('**Not put back**', '', ...story.restored.remaining.map((r) => `- ${r}`), '');
  return `${lines.join('\n')}\n`;
}

function planTable(plan: Plan): string[] {
  const rows = plan.groups.map(
    (g) => `| ${g.name} | ${g.desired} | ${g.outdated.length} | ${g.peak} | ${g.template} | ${g.imageId} |`,
  );
  return [
    '| Group | Nodes | Outdated | Peak | Template | Image |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    `${plan.waves.length} waves, plan \`${plan.digest}\`.`,
    '',
  ];
}

function replacedTable(replaced: readonly Replaced[]): string[] {
  const rows = replaced.map(
    (r) => `| ${r.wave} | ${r.node} | ${r.group} | ${describeDuration(r.seconds * 1000)} |`,
  );
  return ['| Wave | Node replaced | Group | Wave took |', '|---|---|---|---|', ...rows, ''];
}
