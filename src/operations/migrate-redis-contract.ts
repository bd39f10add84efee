import { connectionInputs } from './common.ts';
import type { Contract } from './contract.ts';

export const migrateRedisContract: Contract = {
  operation: 'migrate-redis',
  title: 'EKS Rolling: migrate Redis',
  description:
    'Moves Redis off the nodes that will leave, losing nothing: Sentinel-guarded sets, and Redis Cluster through a temporary pod.',
  inputs: {
    ...connectionInputs,
    redis: {
      description:
        'What to move, as YAML: a list of {name, namespace, kind: sentinel or cluster, pods: label query, sentinels: label query, master, port, sentinel-port, password-secret: name/key}.',
      required: true,
    },
    'run-id': { description: 'Output `run-id` of rotate-nodes phase: prepare.', required: true },
    'plan-digest': { description: 'Output `plan-digest` of rotate-nodes phase: prepare.', required: true },
    nodes: { description: 'Output `nodes` of rotate-nodes phase: prepare.', required: true },
    'fail-back': {
      description: 'Whether the master returns to the pod that had it before.',
      default: 'true',
    },
    'pod-timeout': {
      description: 'How long a pod may take to be back and ready on another node.',
      default: '10m',
    },
    'sync-timeout': { description: 'How long a replica may take to be in sync.', default: '10m' },
    'failover-timeout': {
      description: 'How long a failover may take until every part agrees.',
      default: '60s',
    },
  },
  outputs: {
    migrated: 'JSON list of the pods that were moved, as namespace/name.',
    verdict: 'completed, nothing-to-do, stopped or failed.',
  },
};
