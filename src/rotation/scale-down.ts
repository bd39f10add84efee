import { findAutoscalers } from './cluster-autoscaler.ts';
import type { Context } from './context.ts';
import { updateNode } from './update-node.ts';

/** https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md#how-can-i-prevent-cluster-autoscaler-from-scaling-down-a-particular-node */
const annotation = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';
const prefix = 'node/';
const keyOf = (node: string): string => `${prefix}${node}/scale-down-disabled`;

/**
 * Keeps cluster-autoscaler from taking these nodes away while the run rests: they carry little yet, and what they carry has
 * moved once. Where somebody has said something about it already, that stays.
 */
export async function keepFromScaleDown(context: Context, nodes: readonly string[]): Promise<void> {
  const { kubernetes, clock, journal, settings } = context;
  if ((await findAutoscalers(kubernetes, settings.clusterAutoscaler)).length === 0) return;
  for (const name of nodes) {
    const node = await kubernetes.get('nodes', { name });
    if (!node || node.metadata.annotations?.[annotation] !== undefined) continue;
    await journal.before(keyOf(name), null);
    await updateNode(kubernetes, clock, name, ({ metadata }) => {
      metadata.annotations = { ...metadata.annotations, [annotation]: 'true' };
      return true;
    });
  }
}

/** Takes back what `keepFromScaleDown` has set. Returns the nodes. */
export async function allowScaleDown(
  context: Pick<Context, 'kubernetes' | 'clock' | 'journal'>,
): Promise<string[]> {
  const { kubernetes, clock, journal } = context;
  const done: string[] = [];
  for (const { key } of journal.outstanding(prefix)) {
    const [, name = ''] = key.split('/');
    if (key !== keyOf(name)) continue;
    await updateNode(kubernetes, clock, name, ({ metadata }) => {
      if (metadata.annotations?.[annotation] === undefined) return false;
      delete metadata.annotations[annotation];
      return true;
    });
    await journal.restored(key);
    done.push(name);
  }
  return done;
}
