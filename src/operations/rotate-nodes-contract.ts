import { connectionInputs, groupInputs } from './common.ts';
import type { Contract } from './contract.ts';

export const rotateNodesContract: Contract = {
  operation: 'rotate-nodes',
  title: 'EKS Rolling: rotate nodes',
  description:
    'Replaces every outdated node of Auto Scaling Groups wave by wave: surge, taint, evict, terminate by id, put everything back.',
  inputs: {
    ...connectionInputs,
    ...groupInputs,
    phase: {
      description:
        'all; prepare (plan, and make room for the nodes that carry Redis); drain (replace everything, after Redis has moved); plan (change nothing); restore (put back what an unfinished run changed); rollback (return to the old nodes: what a run replaced is replaced by what was there before).',
      default: 'all',
    },
    validation: {
      description: 'Output `validation` of validate-cluster phase: preflight. Required for all and prepare.',
    },
    baseline: {
      description:
        'Output `baseline` of load-baseline mode: record, or none. Required for all, prepare and drain. Leave it out of a rollback whose services suffer already.',
    },
    'run-id': {
      description:
        'Output `run-id` of phase: prepare. Required for drain, and for rollback of a run that has ended; restore and rollback take the unfinished run without it.',
    },
    'plan-digest': {
      description:
        'The plan that the run must have: output `plan-digest` of phase: prepare, required for drain; or of phase: plan, for all and prepare, which refuse when the world has moved since.',
    },
    plan: {
      description:
        'Output `plan` of phase: plan, for all and prepare: as plan-digest, and a refusal says what has changed since the plan.',
    },
    redis: {
      description:
        'The Redis that migrate-redis moves, as YAML: a list of {name, namespace, kind, pods, ...}; see migrate-redis.',
    },
    ami: {
      description:
        'The image that every node shall run: an id (ami-...), the name of an SSM parameter that holds one (/aws/service/...), or recommended for the one that AWS publishes for the family and architecture of the present image (Amazon Linux 2, Amazon Linux 2023, Bottlerocket) and the minor version of the cluster. The launch template version or launch configuration is copied with it, and the group pointed at the copy by its number, also one that followed $Latest or $Default. Without it: what the groups launch.',
    },
    force: {
      description: 'Replace every node of the groups, whatever it runs.',
      default: 'false',
    },
    'max-node-age': {
      description:
        'Replace nodes that are older than this, too, whatever they run; for example 30d. Without it age does not matter.',
    },
    'max-surge': {
      description:
        'Nodes that a group may have more at once, those that shut down included, as a number or a percentage of the group.',
      default: '1',
    },
    'max-unavailable': {
      description:
        'Nodes that a group may have fewer at once: so many leave without a replacement beforehand, as far as new nodes have room for their pods; as a number or a percentage.',
      default: '0',
    },
    'cluster-autoscaler': {
      description: 'The Deployment to pause as namespace/name; auto finds it, none leaves it alone.',
      default: 'auto',
    },
    'max-at-once': {
      description:
        'Nodes of all groups together that are replaced at once. Without it only the groups limit it.',
    },
    'target-group': {
      description:
        'Move into this group: it takes the place of all others that are selected, whose nodes are drained into it, and which end empty (blue and green). Its max must hold them all. Empty: each group keeps its own nodes.',
      default: '',
    },
    'control-plane': {
      description:
        'Control-plane groups of kops (tag k8s.io/role/control-plane or k8s.io/role/master): leave names them and leaves them alone; roll replaces their outdated nodes before all workers, one at a time and without surge, each only while etcd has its quorum and an API server is ready without it.',
      default: 'leave',
    },
    'control-plane-interval': {
      description:
        'How long etcd and the API server of a new control-plane node must have been ready, without a break, before the next node leaves. An API server that finds no etcd ends after some 20 seconds, and looks ready until then.',
      default: '1m',
    },
    canary: {
      description:
        'When no node of a group runs the new configuration yet, its first node is replaced alone.',
      default: 'true',
    },
    jobs: {
      description:
        'Pods of Jobs: wait lets them end by themselves within drain-timeout, evict has their Job start them again elsewhere.',
      default: 'wait',
    },
    'protected-pods': {
      description:
        'Pods annotated karpenter.sh/do-not-disrupt: true or cluster-autoscaler.kubernetes.io/safe-to-evict: false: wait lets them end by themselves within drain-timeout, evict treats them as all others.',
      default: 'wait',
    },
    'rollout-surge': {
      description:
        'single-and-blocked gives Deployments with a single replica, and those whose budget allows no eviction, one replica more while a pod of theirs leaves; a Deployment annotated eks-rolling/rollout-surge: "false" gets none. off gives none to any.',
      default: 'single-and-blocked',
    },
    'without-budget': {
      description:
        'Pods that no PodDisruptionBudget selects: careful lets at most as many of a workload be away as its rolling update would take (maxUnavailable), at least one and never all; all-at-once evicts them at once.',
      default: 'careful',
    },
    'on-blocked': {
      description:
        'When a pod has been blocked for all of drain-timeout, or its additional replica does not come within rollout-timeout: fail ends the rotation; skip leaves its node as it is, goes on with the others and ends as incomplete; force deletes it if a budget holds it and it has not been ready for force-unready-for, and fails otherwise. A pod that is ready is never deleted past its budget.',
      default: 'fail',
    },
    'force-unready-for': {
      description: 'How long a pod must not have been ready before on-blocked: force may delete it.',
      default: '10m',
    },
    'min-healthy-targets': {
      description:
        'Before a node leaves a load balancer that sends it requests (instance targets), this many of the others must be healthy there, as a number or a percentage of the healthy ones; never more than stay. Where fewer are, its pods move first. 0 asks for none.',
      default: '50%',
    },
    'on-failure': {
      description:
        'What happens when the rotation fails: restore every setting, or keep all as it is to look at it.',
      default: 'restore',
    },
    'settle-time': {
      description:
        'How long the additional replica of a Deployment serves before the old one leaves, so that load balancers have learned of it.',
      default: '10s',
    },
    'time-budget': {
      description:
        'How long this step may take. No node is launched whose predecessor would not be gone in time: the run rests, everything as before, and running the workflow again goes on with it.',
      default: '5h30m',
    },
    soak: {
      description:
        'How long drained nodes stay, tainted and empty, before they are terminated; when the cluster gets worse meanwhile the rotation ends, and they are still there.',
      default: '0s',
    },
    interval: {
      description:
        'Pause between waves. With it, or with soak, nobody leaves before all replacements of a wave serve.',
      default: '0s',
    },
    'required-passes': { description: 'How many times in a row a validation must pass.', default: '2' },
    'node-timeout': {
      description: 'How long a new node may take from the request to ready with all DaemonSets.',
      default: '15m',
    },
    'drain-timeout': {
      description:
        'How long the eviction of a pod may be refused, by a budget for example, or a pod may take that is left to end by itself.',
      default: '15m',
    },
    'grace-timeout': {
      description:
        'How long a pod may take to end once it was told to. One that outstays its own grace by a minute is not waited for, whatever this says.',
      default: '30m',
    },
    'rollout-timeout': {
      description:
        'How long an additional replica may take to serve, and how long the old count may take to be ready elsewhere.',
      default: '10m',
    },
    'deregistration-timeout': {
      description:
        'How long a load balancer may take to let go of a node, which otherwise fails the rotation; and then how long its connections may take to end, after which the rotation goes on. Longer than the deregistration delay of the target groups (5m where nobody has changed it).',
      default: '6m',
    },
    'volume-timeout': { description: 'How long volumes may take to be detached.', default: '6m' },
    'terminate-timeout': { description: 'How long instances may take to be gone.', default: '15m' },
    'gate-timeout': { description: 'How long the gate between waves may stay shut.', default: '15m' },
  },
  outputs: {
    'run-id': 'The run: names lease, journal and taints, and goes into the following steps.',
    'plan-digest':
      'Digest of the plan: groups, outdated nodes, targets, and the settings that decide what is done. Drain and migrate-redis refuse a different one.',
    nodes: 'JSON list of the outdated nodes that carry Redis (phase: prepare).',
    plan: 'The plan as JSON: groups, order of the nodes in waves; with phase: plan also a forecast of duration, peak, blockers and changes. The input plan of a later step takes it.',
    verdict:
      'planned, prepared, completed, incomplete (out of time, or nodes were skipped), nothing-to-do, restored, rolled-back, stopped or failed.',
    complete: 'true when no outdated node is left, false when running again goes on.',
    replaced: 'Number of nodes replaced in this step.',
    remaining: 'Number of outdated nodes that are left.',
    skipped: 'JSON list of the nodes that on-blocked: skip left out, each with what blocked it.',
    'not-restored': 'JSON list of what could not be put back.',
  },
};
