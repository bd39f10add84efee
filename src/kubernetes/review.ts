import { type Kubernetes, KubernetesError } from '../cluster/ports.ts';
import { resources } from '../cluster/resources.ts';
import type { Role, Target, Verb } from './rights.ts';

/** So many questions at once, to spare the API server. */
const together = 8;

/**
 * Which rights of these roles the caller has not, one line each, in the words of the API server. Asked one by one: the list of
 * all rights that a SelfSubjectRulesReview gives is incomplete where a webhook decides, as with EKS access policies
 * (https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-rules-review-v1/).
 */
export async function missingRights(
  kubernetes: Pick<Kubernetes, 'canI'>,
  roles: readonly Role[],
): Promise<string[]> {
  const questions = new Map(
    roles.flatMap(({ namespace, rules }) =>
      rules.flatMap(({ targets, verbs }) =>
        targets.flatMap((target) =>
          verbs.map((verb) => [wordsOf(verb, target, namespace), { verb, target, namespace }] as const),
        ),
      ),
    ),
  );
  const missing: string[] = [];
  const waiting = [...questions];
  while (waiting.length > 0) {
    const answers = waiting.splice(0, together).map(async ([words, { verb, target, namespace }]) => {
      const [resource = '', subresource] = target.split('/');
      const allowed = await kubernetes.canI({
        verb,
        resource,
        group: groupOf(target),
        ...(subresource ? { subresource } : {}),
        ...(namespace ? { namespace } : {}),
      });
      return allowed ? [] : [words];
    });
    missing.push(...(await Promise.all(answers)).flat());
  }
  return missing;
}

/**
 * @throws Error that names every right of these roles that is missing. Says nothing where nobody may ask: then the first call
 * that is refused tells.
 */
export async function refuseMissingRights(
  kubernetes: Pick<Kubernetes, 'canI'>,
  roles: readonly Role[],
): Promise<void> {
  let missing: string[];
  try {
    missing = await missingRights(kubernetes, roles);
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 403) return;
    throw error;
  }
  if (missing.length === 0) return;
  throw new Error(
    [
      'The role of the workflow lacks rights in the cluster; nothing has been touched:',
      ...missing.map((line) => `  - ${line}`),
      'Give it the rights of docs/rbac.yaml; see docs/rights.md.',
    ].join('\n'),
  );
}

const groupOf = (target: Target): string =>
  resources[target.split('/')[0] as keyof typeof resources]?.group ?? '';

function wordsOf(verb: Verb, target: Target, namespace: string | undefined): string {
  const where = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  return `it cannot ${verb} resource "${target}" in API group "${groupOf(target)}" ${where}`;
}
