import { allowsNow } from '../../cluster/budgets.ts';
import type { Pod } from '../../cluster/objects.ts';
import { isReady } from '../../cluster/pods.ts';
import type { EvictionAnswer, Kubernetes } from '../../cluster/ports.ts';
import { count, names } from '../../text.ts';
import type { Workload } from './workloads.ts';

/** What the Eviction API says about the pods of a workload at this moment. */
export type Now =
  | { kind: 'allowed' }
  /** Its budget has no room; it may have when another pod is ready. */
  | { kind: 'blocked'; message: string }
  /** It never will by waiting: several budgets, an admission webhook, a missing right. */
  | { kind: 'refused'; message: string }
  /** The API server asked for patience, so nobody knows. */
  | { kind: 'unknown'; message: string };

export interface Asked {
  now: Map<Workload, Now>;
  /** How the answers came about, as a sentence for people. */
  how: string;
}

/** Requests in flight at once, to spare the API server. */
const concurrency = 5;

/**
 * Asks the Eviction API with a dry run for one pod of each workload, ready and unready ones apart: others of the same kind get
 * the same answer. Nothing is changed. Where the right to evict is missing the budgets' own numbers answer.
 */
export async function askEvictions(
  kubernetes: Pick<Kubernetes, 'evict'>,
  workloads: readonly Workload[],
): Promise<Asked> {
  const asking = workloads.filter((w) => !w.stays && !w.endsItself);
  const pods = asking.reduce((sum, w) => sum + w.pods.length, 0);
  const now = new Map<Workload, Now>();
  const forbidden = new Set<string>();
  let answered = 0;
  const queue = asking.flatMap((workload) => samplesOf(workload).map((pod) => ({ workload, pod })));
  const ask = async (workload: Workload, pod: Pod): Promise<Now> => {
    const { namespace = '', name, uid = '' } = pod.metadata;
    if (forbidden.has(namespace)) return byNumbers(workload);
    const answer = await kubernetes.evict({ namespace, name, uid }, { dryRun: true });
    if (isForbidden(answer)) {
      forbidden.add(namespace);
      return byNumbers(workload);
    }
    answered++;
    return nowOf(answer);
  };
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { workload, pod } = next;
      const answer = await ask(workload, pod);
      now.set(workload, worse(now.get(workload), answer));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  const told = `Told by ${count(answered, 'dry run')} of the Eviction API, one for each kind of the ${count(pods, 'pod')} that must leave.`;
  const instead = `by the status of the budgets, because this role may not create pods/eviction there: what webhooks would refuse is not known.`;
  return { now, how: howOf(answered, [...forbidden], told, instead) };
}

function howOf(answered: number, forbidden: string[], told: string, instead: string): string {
  if (forbidden.length === 0) return told;
  return answered === 0
    ? `Told ${instead.replace(' there', '')}`
    : `${told} In ${names(forbidden)} told ${instead}`;
}

/** In the words of https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go */
const isForbidden = (answer: EvictionAnswer): boolean =>
  answer.kind === 'refused' &&
  answer.status === 403 &&
  answer.message.includes('cannot create resource "pods/eviction"');

/** A ready pod and one that is not: budgets treat them differently. */
const samplesOf = ({ pods }: Workload): Pod[] =>
  [pods.find(isReady), pods.find((p) => !isReady(p))].flatMap((p) => p ?? []);

function nowOf(answer: EvictionAnswer): Now {
  switch (answer.kind) {
    case 'accepted':
    case 'gone':
    case 'namespace-terminating':
      return { kind: 'allowed' };
    case 'budget':
      return { kind: 'blocked', message: answer.message };
    case 'busy':
      return { kind: 'unknown', message: answer.message };
    case 'several-budgets':
      return { kind: 'refused', message: answer.message };
    case 'refused':
      return { kind: 'refused', message: `${answer.message} (${answer.status})` };
  }
}

function byNumbers({ pods, budgets }: Workload): Now {
  if (budgets.length > 1) return { kind: 'refused', message: 'several budgets select it' };
  const [budget] = budgets;
  if (!budget || pods.every((pod) => allowsNow(budget, pod))) return { kind: 'allowed' };
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return {
    kind: 'blocked',
    message: `the budget ${budget.metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy}`,
  };
}

const gravity: Record<Now['kind'], number> = { allowed: 0, unknown: 1, blocked: 2, refused: 3 };
const worse = (one: Now | undefined, other: Now): Now =>
  one && gravity[one.kind] > gravity[other.kind] ? one : other;
