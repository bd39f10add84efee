import { type Claim, claim } from './claim.ts';

/** Addresses of this machine that no other cluster on it uses meanwhile, so that nobody has to share ports. */
export interface OwnNetwork extends Claim {
  /** The first two numbers of all of its addresses, for example `10.64`. */
  prefix: string;
}

/** The second number; lower ones may be in use, by resolvers for example, and 10.0 has the machines. */
const [lowest, highest] = [64, 191];

/**
 * Claims a network among `127.` (local everywhere on Linux) or `10.` (local in the namespace of a real control plane).
 * @param start where to begin to look: who comes later need not try what others have
 * @throws Error when all are taken.
 */
export async function claimNetwork(first: 10 | 127, start = process.pid): Promise<OwnNetwork> {
  const many = highest - lowest + 1;
  for (let i = 0; i < many; i++) {
    const prefix = `${first}.${lowest + ((start + i) % many)}`;
    const claimed = await claim(`network ${prefix}`);
    if (claimed) return { prefix, ...claimed };
  }
  throw new Error(
    `All ${many} networks ${first}.${lowest} to ${first}.${highest} are taken by running clusters.`,
  );
}
