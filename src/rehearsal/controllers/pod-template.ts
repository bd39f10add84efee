import type { KubernetesObject, Pod, PodTemplate } from '../../cluster/objects.ts';
import { withDefaults } from '../kubernetes/defaults.ts';
import { ownedBy } from './worker.ts';

/** A pod made from a template for its controlling owner. */
export function podFrom(
  template: PodTemplate,
  owner: KubernetesObject,
  name: { name: string } | { generateName: string },
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return withDefaults('pods', {
    metadata: {
      name: '',
      ...name,
      namespace: owner.metadata.namespace ?? '',
      labels: { ...labels },
      ...(annotations ? { annotations: { ...annotations } } : {}),
      ...(finalizers ? { finalizers: [...finalizers] } : {}),
      ownerReferences: ownedBy(owner),
    },
    spec: template.spec,
  });
}

/** A short hash of a template, as in `pod-template-hash`: the same template always gives the same one. */
export function templateHash(template: PodTemplate): string {
  let hash = 0x811c9dc5;
  for (const character of JSON.stringify(template))
    hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193) >>> 0;
  const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
  let text = '';
  for (let i = 0; i < 8; i++) {
    text += alphabet[hash % alphabet.length];
    hash = Math.imul(hash ^ (hash >>> 7), 0x01000193) >>> 0;
  }
  return text;
}
