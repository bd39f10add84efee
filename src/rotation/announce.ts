import type { Member } from '../cluster/members.ts';
import { describeDuration, messageOf, names } from '../text.ts';
import type { Context } from './context.ts';
import { forecastWave, sumOf, type WaveForecast } from './forecast/duration.ts';
import { type Knowledge, knowledgeOf } from './forecast/forecast.ts';
import type { Plan } from './plan.ts';

/** Folds the log of a wave, and says how long all that are left should take. */
export type Announce = (number: number, members: readonly Member[], wave: readonly Member[]) => void;

/** Learns what a forecast needs; a rotation goes on without one when that cannot be read. */
export async function announcer(context: Context, plan: Plan): Promise<Announce> {
  const { settings, clock, say, signal } = context;
  let knowledge: Knowledge | undefined;
  try {
    knowledge = await knowledgeOf(context, plan, settings, clock.now());
  } catch (error) {
    signal.throwIfAborted();
    say(`No wait can say when it should end: ${messageOf(error)}`);
  }
  const forecastOf = (wave: readonly { group: string; node: string }[]): WaveForecast | undefined =>
    knowledge && forecastWave(wave, knowledge.loads, knowledge.history, settings, knowledge.surgesFirst);
  const planned = plan.waves.map((wave) => ({
    ids: wave.map((m) => m.instanceId),
    ms: forecastOf(wave)?.ms ?? 0,
  }));
  const first = forecastOf(plan.waves[0] ?? []);
  if (first) context.expected = expectedSteps(first);
  const total = plan.waves.flat().length;
  return (number, members, wave) => {
    const outdated = new Set(members.filter((m) => m.state === 'outdated').map((m) => m.instanceId));
    const nodes = wave.map((m) => ({ group: m.group, node: m.node?.metadata.name ?? m.instanceId }));
    context.fold?.(
      `Wave ${number}, ${outdated.size} of ${Math.max(total, outdated.size)} nodes left: ${names(nodes.map((n) => n.node))}`,
    );
    const expected = forecastOf(nodes);
    if (!expected) return;
    context.expected = expectedSteps(expected);
    // Replacements come as others go, so that a planned wave may be half over.
    const ahead = planned.map(
      ({ ids, ms }) => (ms * ids.filter((id) => outdated.has(id)).length) / Math.max(1, ids.length),
    );
    const all = Math.max(expected.ms - expected.steps.node.ms, sumOf(ahead) - expected.steps.node.ms);
    const end = new Date(clock.now() + all).toISOString().slice(11, 19);
    say(`All that are left should take about ${describeDuration(all)}: until about ${end} UTC.`);
  };
}

const expectedSteps = ({ steps }: WaveForecast): Context['expected'] => ({
  node: steps.node.ms,
  drain: steps.drain.ms,
  volume: steps.volume.ms,
  terminate: steps.terminate.ms,
  gate: steps.gate.ms,
});
