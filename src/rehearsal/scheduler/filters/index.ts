import type { Filter } from '../snapshot.ts';
import { hostPorts } from './host-ports.ts';
import { nodeAffinity } from './node-affinity.ts';
import { podAffinity } from './pod-affinity.ts';
import { resources } from './resources.ts';
import { taints } from './taints.ts';
import { topologySpread } from './topology-spread.ts';
import { volumeZone } from './volume-zone.ts';

/** In the order of the real scheduler: the first that refuses names the reason. */
export const filters: readonly Filter[] = [
  taints,
  nodeAffinity,
  hostPorts,
  resources,
  volumeZone,
  topologySpread,
  podAffinity,
];
