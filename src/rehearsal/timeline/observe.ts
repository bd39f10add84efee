import type { Node, Pod } from '../../cluster/objects.ts';
import type { Objects } from '../kubernetes/store.ts';
import type { Timeline } from './events.ts';

export interface ObservedNodes {
  groupOf(node: Node): string;
  isOutdated(node: Node): boolean;
}

/** Reads the story of the rotation from the objects themselves, so it shows what happened and not what the engine says. */
export function observe(
  store: Objects,
  timeline: Timeline,
  nodes: ObservedNodes,
  watchedNamespace: string,
): void {
  store.subscribe('nodes', ({ type, object, previous }) => {
    const node = object.metadata.name;
    const about = {
      node,
      group: nodes.groupOf(object),
      zone: object.metadata.labels?.['topology.kubernetes.io/zone'] ?? '',
      outdated: nodes.isOutdated(object),
    };
    if (type === 'ADDED') timeline.add({ kind: 'node', ...about, change: 'joined' });
    if (type === 'DELETED') timeline.add({ kind: 'node', ...about, change: 'gone' });
    if (type !== 'DELETED' && isReady(object) && !(previous && isReady(previous)))
      timeline.add({ kind: 'node', ...about, change: 'ready' });
    for (const effect of ourEffects(object))
      if (!ourEffects(previous).includes(effect))
        timeline.add({ kind: 'taint', node, effect, change: 'added' });
    if (type === 'MODIFIED')
      for (const effect of ourEffects(previous))
        if (!ourEffects(object).includes(effect))
          timeline.add({ kind: 'taint', node, effect, change: 'removed' });
  });

  store.subscribe('pods', ({ type, object, previous }) => {
    const { namespace = '', name } = object.metadata;
    const about = { pod: name, node: object.spec.nodeName ?? '', watched: namespace === watchedNamespace };
    if (type === 'DELETED') timeline.add({ kind: 'pod', ...about, change: 'gone' });
    else if (object.metadata.deletionTimestamp && !previous?.metadata.deletionTimestamp)
      timeline.add({ kind: 'pod', ...about, change: 'leaving' });
    else if (podReady(object) && !(previous && podReady(previous)))
      timeline.add({ kind: 'pod', ...about, change: 'ready' });
  });

  store.subscribe('poddisruptionbudgets', ({ object, previous }) => {
    const allowed = object.status?.disruptionsAllowed;
    if (allowed === undefined || allowed === previous?.status?.disruptionsAllowed) return;
    timeline.add({ kind: 'budget', budget: object.metadata.name, allowed });
  });
}

const ourEffects = (node: Node | undefined): string[] =>
  (node?.spec.taints ?? []).filter((t) => t.key === 'eks-rolling').map((t) => t.effect);
const isReady = (node: Node): boolean =>
  node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
const podReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
