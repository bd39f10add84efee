import type { KubernetesObject } from '../../cluster/objects.ts';

/** Objects by key, handed out in the order of their keys. */
class Sorted {
  readonly #byKey = new Map<string, KubernetesObject>();
  readonly #keys: string[] = [];

  get(key: string): KubernetesObject | undefined {
    return this.#byKey.get(key);
  }

  set(key: string, object: KubernetesObject): void {
    if (!this.#byKey.has(key)) this.#keys.splice(this.#place(key), 0, key);
    this.#byKey.set(key, object);
  }

  delete(key: string): void {
    if (this.#byKey.delete(key)) this.#keys.splice(this.#place(key), 1);
  }

  all(): KubernetesObject[] {
    return this.#keys.map((key) => this.#byKey.get(key) as KubernetesObject);
  }

  /** Where the key is, or belongs. */
  #place(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What objects are asked for by, besides their own key. */
const attributes = {
  namespace: (object: KubernetesObject): string[] =>
    object.metadata.namespace ? [object.metadata.namespace] : [],
  node: (object: KubernetesObject): string[] => {
    const { nodeName } = (object as { spec?: { nodeName?: string } }).spec ?? {};
    return [nodeName ?? ''];
  },
  owner: (object: KubernetesObject): string[] => (object.metadata.ownerReferences ?? []).map((o) => o.uid),
};
export type Attribute = keyof typeof attributes;

/** The objects of one kind. Large clusters are asked by namespace, node and owner all the time, and never searched whole. */
export class ObjectIndex {
  readonly #all = new Sorted();
  readonly #by = new Map<Attribute, Map<string, Sorted>>();

  get(key: string): KubernetesObject | undefined {
    return this.#all.get(key);
  }

  set(key: string, object: KubernetesObject): void {
    const before = this.#all.get(key);
    this.#all.set(key, object);
    for (const [attribute, valuesOf] of Object.entries(attributes) as [Attribute, typeof attributes.node][]) {
      const values = valuesOf(object);
      if (before)
        for (const old of valuesOf(before))
          if (!values.includes(old)) this.#bucket(attribute, old).delete(key);
      for (const value of values) this.#bucket(attribute, value).set(key, object);
    }
  }

  delete(key: string): void {
    const before = this.#all.get(key);
    if (!before) return;
    this.#all.delete(key);
    for (const [attribute, valuesOf] of Object.entries(attributes) as [Attribute, typeof attributes.node][])
      for (const value of valuesOf(before)) this.#bucket(attribute, value).delete(key);
  }

  /** In the order of their keys. */
  all(): KubernetesObject[] {
    return this.#all.all();
  }

  with(attribute: Attribute, value: string): KubernetesObject[] {
    return this.#by.get(attribute)?.get(value)?.all() ?? [];
  }

  #bucket(attribute: Attribute, value: string): Sorted {
    let values = this.#by.get(attribute);
    if (!values) {
      values = new Map();
      this.#by.set(attribute, values);
    }
    let bucket = values.get(value);
    if (!bucket) {
      bucket = new Sorted();
      values.set(value, bucket);
    }
    return bucket;
  }
}
