import { budgetsOf } from '../../cluster/budgets.ts';
import { podName } from '../../cluster/pods.ts';
import { prospectOf, remedyFor } from '../../rotation/prospect.ts';
import { deploymentOf } from '../../rotation/rollout.ts';
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
      const scale = scaleOf(view, pod);
      const deployment = deploymentOf(pod, view.replicaSets, view.deployments);
      const prospect = prospectOf(pod, budgets, scale, deployment);
      if (prospect === 'allowed') return [];
      if (prospect === 'several-budgets') {
        return [
          failed(
            about,
            `Selected by ${names}; the Eviction API serves pods with one budget only. Remove all but one.`,
          ),
        ];
      }
      if (prospect === 'surge') {
        return [
          warning(
            about,
            `${names} allows no eviction with ${scale} replicas; rotate-nodes gives Deployment ${deployment?.metadata.name} one more for a moment.`,
          ),
        ];
      }
      return [
        failed(
          about,
          `${names} never allows its eviction with ${scale} replicas. ${remedyFor(budgets, scale)}`,
        ),
      ];
    }),
};
