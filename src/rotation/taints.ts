import type { Node, TaintEffect } from '../cluster/objects.ts';
import { type Context, taintKey } from './context.ts';
import { excludeLabel } from './load-balancers.ts';
import { forgetSoak } from './soak.ts';
import { updateNode } from './update-node.ts';

const isOurs =
  (runId: string, effect?: TaintEffect) => (taint: { key: string; value?: string; effect: TaintEffect }) =>
    taint.key === taintKey && taint.value === runId && (effect === undefined || taint.effect === effect);

/** Adds our taint and leaves all others as they are. */
export async function taint(context: Context, nodes: readonly string[], effect: TaintEffect): Promise<void> {
  const { kubernetes, clock, journal } = context;
  await Promise.all(
    nodes.map((name) =>
      updateNode(kubernetes, clock, name, (node) => {
        const present = node.spec.taints ?? [];
        if (present.some(isOurs(journal.runId, effect))) return false;
        node.spec.taints = [...present, { key: taintKey, value: journal.runId, effect }];
        return true;
      }),
    ),
  );
}

/** Takes our taint of this effect off these nodes. */
export async function untaint(
  { kubernetes, clock, journal }: Pick<Context, 'kubernetes' | 'clock' | 'journal'>,
  nodes: readonly string[],
  effect: TaintEffect,
): Promise<void> {
  await Promise.all(
    nodes.map((name) =>
      updateNode(kubernetes, clock, name, (node) => {
        const present = node.spec.taints ?? [];
        const taints = present.filter((t) => !isOurs(journal.runId, effect)(t));
        if (taints.length === present.length) return false;
        forgetSoak(node);
        if (taints.length > 0) node.spec.taints = taints;
        else delete node.spec.taints;
        return true;
      }),
    ),
  );
}

/** Cordons one node; the annotation remembers that it was us. */
export async function cordon(context: Context, name: string): Promise<void> {
  await updateNode(context.kubernetes, context.clock, name, (node) => {
    if (node.spec.unschedulable) return false;
    node.spec.unschedulable = true;
    node.metadata.annotations = { ...node.metadata.annotations, [taintKey]: context.journal.runId };
    return true;
  });
}

/** Takes our taints, cordons and exclusions from load balancers off every node that still has one, or off those of them that are named. */
export async function removeMarks(
  context: Pick<Context, 'kubernetes' | 'clock' | 'journal'>,
  only?: readonly string[],
): Promise<string[]> {
  const { kubernetes, clock, journal } = context;
  const clean = (node: Node): boolean => {
    const taints = (node.spec.taints ?? []).filter((t) => !isOurs(journal.runId)(t));
    const cordoned = node.metadata.annotations?.[taintKey] === journal.runId;
    const soaked = forgetSoak(node);
    const excluded = node.metadata.labels?.[excludeLabel] === journal.runId;
    const same = taints.length === (node.spec.taints ?? []).length;
    if (same && !cordoned && !soaked && !excluded) return false;
    if (taints.length > 0) node.spec.taints = taints;
    else delete node.spec.taints;
    if (excluded) delete node.metadata.labels?.[excludeLabel];
    if (cordoned) {
      delete node.spec.unschedulable;
      delete node.metadata.annotations?.[taintKey];
    }
    return true;
  };
  const nodes = (await kubernetes.list('nodes')).items.filter(
    (node) => (only?.includes(node.metadata.name) ?? true) && clean(structuredClone(node)),
  );
  await Promise.all(nodes.map((node) => updateNode(kubernetes, clock, node.metadata.name, clean)));
  return nodes.map((node) => node.metadata.name);
}
