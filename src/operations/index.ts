import type { Operation } from './contract.ts';
import { loadBaseline } from './load-baseline.ts';
import { migrateRedis } from './migrate-redis.ts';
import { rotateNodes } from './rotate-nodes.ts';
import { validateCluster } from './validate-cluster.ts';

/** Every operation by the name that the input `operation` takes. */
export const operations: Readonly<Record<string, Operation>> = {
  'validate-cluster': validateCluster,
  'load-baseline': loadBaseline,
  'rotate-nodes': rotateNodes,
  'migrate-redis': migrateRedis,
};
