import type { Labels, Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../cluster/objects.ts';

/** One node with the pods that count against it. */
export interface NodeView {
  node: Node;
  pods: Pod[];
}

/** Everything a scheduling decision reads, as plain data. */
export interface Snapshot {
  nodes: NodeView[];
  namespaces: { name: string; labels: Labels }[];
  claims: PersistentVolumeClaim[];
  volumes: PersistentVolume[];
}

/** Says why the pod cannot run on the node, in the real scheduler's words; undefined when it can. */
export type Filter = (pod: Pod, on: NodeView, snapshot: Snapshot) => string | undefined;

export const labelOf = (view: NodeView, key: string): string | undefined => view.node.metadata.labels?.[key];
