import { type Claim, claim } from '../../src/rehearsal/world/claim.ts';

const lookMs = 500;

/**
 * Waits until no other suite needs the whole machine. Random worlds keep it as busy as they can, and upgrades measure how fast
 * services answer on it: beside each other, the services would seem to suffer.
 */
export async function wholeMachine(limitMs: number): Promise<Claim> {
  for (const end = Date.now() + limitMs; Date.now() < end; ) {
    const claimed = await claim('the whole machine');
    if (claimed) return claimed;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  throw new Error(`Waited ${limitMs / 1000} s for another suite that has the whole machine.`);
}
