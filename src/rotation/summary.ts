import { describeDuration } from '../text.ts';
import type { SkippedNode } from './drain.ts';
import type { Forecast } from './forecast/forecast.ts';
import type { Plan } from './plan.ts';
import { planSummary } from './plan-summary.ts';
import type { Replaced } from './replaced.ts';
import type { Restored } from './restore.ts';
import { waveSteps } from './step-times.ts';

export interface Story {
  runId: string;
  phase: string;
  verdict: string;
  failure: string;
  plan: Plan | undefined;
  /** Of phase: plan alone. */
  forecast?: Forecast;
  replaced: readonly Replaced[];
  skipped?: readonly SkippedNode[];
  /** Pods that were deleted past their budgets, one line each. */
  forced?: readonly string[];
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
  const { skipped = [], forced = [] } = story;
  if (story.verdict === 'incomplete' && skipped.length > 0)
    lines.push(
      'Nodes were left out because pods on them were blocked. Everything is as it was before, apart from the nodes that were replaced. Do what is said below under Left out before you go on.',
      '',
    );
  else if (story.verdict === 'incomplete')
    lines.push(
      'The time budget is used up. Everything is as it was before, apart from the nodes that were replaced.',
      '',
    );
  if (story.next.length > 0) lines.push('**What now**', '', ...story.next.map((n) => `- ${n}`), '');
  if (story.way.length > 0) lines.push('**The way back**', '', ...story.way.map((w) => `- ${w}`), '');
  if (story.plan) lines.push(...planSummary(story.plan, story.forecast));
  if (story.replaced.length > 0) lines.push(...timeline(story.replaced));
  if (skipped.length > 0)
    lines.push('**Left out**', '', ...skipped.flatMap((s) => s.why.map((w) => `- ${s.node}: ${w}`)), '');
  if (forced.length > 0)
    lines.push('**Deleted past their budgets**', '', ...forced.map((line) => `- ${line}`), '');
  if (story.restored.done.length > 0)
    lines.push('**Put back**', '', ...story.restored.done.map((d) => `- ${d}`), '');
  if (story.restored.remaining.length > 0)
    lines.push('**Not put back**', '', ...story.restored.remaining.map((r) => `- ${r}`), '');
  return `${lines.join('\n')}\n`;
}

/** One row per wave: its nodes went through the steps together. */
function timeline(replaced: readonly Replaced[]): string[] {
  const waves = [...new Set(replaced.map((r) => r.wave))];
  const present = waveSteps.filter((step) => replaced.some((r) => (r.steps?.[step] ?? 0) > 0));
  const time = (seconds: number | undefined): string => describeDuration((seconds ?? 0) * 1000);
  const rows = waves.map((wave) => {
    const own = replaced.filter((r) => r.wave === wave);
    const [first] = own;
    const nodes = own.map((r) => `${r.node} (${r.group})`).join('<br>');
    const steps = present.map((step) => time(first?.steps?.[step]));
    return `| ${[wave, nodes, ...steps, time(first?.seconds)].join(' | ')} |`;
  });
  const head = ['Wave', 'Nodes replaced', ...present, 'Wave took'];
  return [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows, ''];
}
