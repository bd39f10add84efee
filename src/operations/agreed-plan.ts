import { type HandedPlan, handOn, movedSince } from '../rotation/handed-plan.ts';
import type { Plan } from '../rotation/plan.ts';

/** The run would do something else than the plan that was agreed to. Nothing was changed. */
export class OtherPlan extends Error {}

export interface Agreed {
  /** Empty when any plan will do. */
  digest: string;
  /** With it the difference can be told. */
  plan?: HandedPlan | undefined;
}

/**
 * Refuses a plan that is not the one that was agreed to. One that has nothing left to do harms nobody.
 * @param unfinished the run that has made this plan before
 * @throws OtherPlan with what has changed in between.
 */
export function refuseOther(
  agreed: Agreed,
  plan: Plan,
  settings: object,
  unfinished: string | undefined,
): void {
  if (!agreed.digest || agreed.digest === plan.digest || plan.waves.length === 0) return;
  const nodes = new Map(plan.waves.flat().map((m) => [m.instanceId, m.node]));
  const moved = agreed.plan
    ? movedSince(agreed.plan, handOn(plan, settings), (id) => nodes.get(id))
    : ['hand on the output plan of phase: plan, too, to be told what'];
  const what = unfinished
    ? `run ${unfinished} is unfinished and has the plan ${plan.digest}, not ${agreed.digest}. Run without plan and plan-digest to go on with it, or phase: restore to put everything back.`
    : `the world has moved since the plan ${agreed.digest} was made; now it would be ${plan.digest}. Run phase: plan again, and agree to what it says.`;
  throw new OtherPlan(
    `Nothing was touched: ${what} What is different:\n${moved.map((m) => `  - ${m}`).join('\n')}`,
  );
}
