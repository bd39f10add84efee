import { budgetsOf, oneMoreHelps, steadyAllowance } from '../../cluster/budgets.ts';
import { podName } from '../../cluster/pods.ts';
import { canSurge, deploymentOf } from '../../rotation/rollout.ts';
import { type Check, type Finding, failed, warning } from '../check.ts';
import { drainable, scaleOf } from '../drainable.ts';

/** Pods whose eviction will never be allowed, however long one waits. */
export const blockedBudgets: Check = {
  id: 'blocked-budgets',
  title: 'Every pod can be evicted',
  phases: ['preflight'],
  needs: ['pods', 'budgets', 'deployments', 'replicaSets', 'statefulSets', 'members'],
  run: (view) =>
    drainable(view).flatMap((pod): Finding[] => {
      const budgets = budgetsOf(pod, view.budgets);
      const names = budgets.map((b) => `PodDisruptionBudget ${b.metadata.name}`).join(' and ');
      const about = `Pod ${podName(pod)}`;
      if (budgets.length > 1) {
        return [
          failed(
            about,
            `Selected by ${names}; the Eviction API serves pods with one budget only. Remove all but one.`,
          ),
        ];
      }
      const scale = scaleOf(view, pod);
      if (!budgets.some((b) => steadyAllowance(b, scale) <= 0)) return [];
      const deployment = deploymentOf(pod, view.replicaSets, view.deployments);
      if (deployment && canSurge(deployment, pod, budgets)) {
        return [
          warning(
            about,
            `${names} allows no eviction with ${scale} replicas; rotate-nodes gives Deployment ${deployment.metadata.name} one more for a moment.`,
          ),
        ];
      }
      const remedy = budgets.every((b) => oneMoreHelps(b, scale)) ? 'Add a replica, or set' : 'Set';
      return [
        failed(
          about,
          `${names} never allows its eviction with ${scale} replicas. ${remedy} maxUnavailable: 1 for the time of the upgrade.`,
        ),
      ];
    }),
};
