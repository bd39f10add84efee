import type { Target } from '../target.ts';
import { access } from './access.ts';
import { budgets } from './budgets.ts';
import { client } from './client.ts';
import { concurrency } from './concurrency.ts';
import { creation } from './creation.ts';
import { daemonSets } from './daemonsets.ts';
import { data } from './data.ts';
import { deletion } from './deletion.ts';
import { deployments } from './deployments.ts';
import { endpoints } from './endpoints.ts';
import { eviction } from './eviction.ts';
import { leases } from './leases.ts';
import { lists } from './lists.ts';
import { nodes } from './nodes.ts';
import { patches } from './patches.ts';
import { replicaSets } from './replicasets.ts';
import { scheduling } from './scheduling.ts';
import { statefulSets } from './statefulsets.ts';
import { volumes } from './volumes.ts';
import { watches } from './watches.ts';

/** How a Kubernetes control plane answers, subject by subject. */
export const subjects: readonly ((target: () => Target) => void)[] = [
  concurrency,
  patches,
  lists,
  watches,
  creation,
  deletion,
  eviction,
  budgets,
  deployments,
  replicaSets,
  statefulSets,
  daemonSets,
  scheduling,
  volumes,
  endpoints,
  nodes,
  leases,
  data,
  access,
  client,
];
