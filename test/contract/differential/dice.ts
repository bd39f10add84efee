import type { Random } from '../../../src/rehearsal/world/random.ts';

/** A whole number from 0 up to, and without, `sides`. */
export const dice = (random: Random, sides: number): number => Math.floor(random.next() * sides);
export const chance = (random: Random, of: number): boolean => random.next() < of;
