import type { KubernetesObject, LabelSelector } from '../../cluster/objects.ts';
import { matchesSelector } from '../../cluster/selectors.ts';
import type { Store } from '../kubernetes/store.ts';
import { controllerOf, ownedBy } from './worker.ts';

type Owner = KubernetesObject & { spec: { selector: LabelSelector } };

/** What of the given kind the owner controls, after it has adopted what it selects and nobody controls, and let go what it no longer selects. */
export function claimed<R extends 'pods' | 'replicasets'>(
  store: Store,
  resource: R,
  owner: Owner,
): ReturnType<typeof store.list<R>> {
  const namespace = owner.metadata.namespace ?? '';
  const present = store.list(resource, { namespace });
  let changed = false;
  for (const object of present as KubernetesObject[]) {
    const controller = controllerOf(object);
    const selected = matchesSelector(owner.spec.selector, object.metadata.labels);
    const adopt = selected && !controller && !object.metadata.deletionTimestamp;
    const release = !selected && controller?.uid === owner.metadata.uid;
    if (!adopt && !release) continue;
    changed = true;
    store.modify(resource, object.metadata, (draft) => {
      const others = (draft.metadata.ownerReferences ?? []).filter((o) => o.uid !== owner.metadata.uid);
      draft.metadata.ownerReferences = adopt ? [...others, ...ownedBy(owner)] : others;
    });
  }
  const now = changed ? store.list(resource, { namespace }) : present;
  return now.filter((o) => controllerOf(o)?.uid === owner.metadata.uid);
}
