import type { Pod } from '../cluster/objects.ts';
import { isReady } from '../cluster/pods.ts';
import { type HeldBack, heldBack, type Owners, teamOf } from './careful.ts';
import type { Context } from './context.ts';

/** Asks the cluster what `heldBack` has to know: whose pods these are once, and who is ready each time it matters. */
export class Care {
  readonly #context: Pick<Context, 'kubernetes'>;
  readonly #most = new Map<string, number>();
  #owners: Owners | undefined;

  constructor(context: Pick<Context, 'kubernetes'>, owners?: Owners) {
    this.#context = context;
    this.#owners = owners;
  }

  /** @param gone whether a pod is known to leave, though the cluster may not say so yet */
  async heldBack(due: readonly Pod[], gone: (pod: Pod) => boolean): Promise<HeldBack[]> {
    const { kubernetes } = this.#context;
    if (!due.some(isReady)) return [];
    this.#owners ??= await this.#read();
    const owners = this.#owners;
    // Owners that do not say how many pods they want may want several.
    const asked = due.filter((p) => isReady(p) && teamOf(p, owners, () => 2));
    const namespaces = [...new Set(asked.map((p) => p.metadata.namespace ?? ''))];
    const lists = await Promise.all(namespaces.map((namespace) => kubernetes.list('pods', { namespace })));
    return heldBack(
      asked,
      lists.flatMap((l) => l.items.filter((p) => !gone(p))),
      owners,
      this.#most,
    );
  }

  async #read(): Promise<Owners> {
    const { kubernetes } = this.#context;
    const [budgets, replicaSets, deployments, statefulSets] = await Promise.all([
      kubernetes.list('poddisruptionbudgets'),
      kubernetes.list('replicasets'),
      kubernetes.list('deployments'),
      kubernetes.list('statefulsets'),
    ]);
    return {
      budgets: budgets.items,
      replicaSets: replicaSets.items,
      deployments: deployments.items,
      statefulSets: statefulSets.items,
    };
  }
}
