import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect } from '@jest/globals';
import type { PodSpec } from '../../src/cluster/objects.ts';
import { apiVersionOf, pathOf, type Resource, resources } from '../../src/cluster/resources.ts';
import { eventually, type Truthy } from './eventually.ts';
import type { Answer, RequestOptions, Target, WatchLine } from './target.ts';

// biome-ignore lint/suspicious/noExplicitAny: objects as the server answers them.
type Json = any;

export const unique = (): string => randomBytes(4).toString('hex');
const strategic = 'application/strategic-merge-patch+json';
const merge = 'application/merge-patch+json';

/** A namespace of one case's own. */
export class Space {
  readonly target: Target;
  readonly name: string;
  readonly #nodes: string[] = [];

  constructor(target: Target) {
    this.target = target;
    this.name = `contract-${unique()}`;
  }

  async open(): Promise<void> {
    expect((await this.send('POST', 'namespaces', { body: { metadata: { name: this.name } } })).status).toBe(
      201,
    );
    // Where service accounts are checked, pods are refused until the namespace has its own.
    await eventually(
      `pods can be created in ${this.name}`,
      async () => (await this.post('pods', podNamed('first'), { dryRun: 'All' })).status === 201,
      10_000,
    );
  }

  async close(): Promise<void> {
    await this.remove('namespaces', this.name);
    for (const node of this.#nodes) await this.remove('nodes', node);
  }

  send(
    method: string,
    resource: Resource,
    options: RequestOptions & { name?: string | undefined; subresource?: string } = {},
  ): Promise<Answer> {
    const { name, subresource, body, ...rest } = options;
    const namespace = resources[resource].namespaced ? this.name : undefined;
    const path = pathOf(resource, namespace, name, subresource);
    const typed =
      (method === 'POST' || method === 'PUT') && !subresource
        ? { apiVersion: apiVersionOf(resource), kind: resources[resource].kind, ...(body as object) }
        : body;
    return this.target.request(method, path, { ...rest, ...(typed === undefined ? {} : { body: typed }) });
  }

  post(resource: Resource, body: object, query?: Record<string, string>): Promise<Answer> {
    return this.send('POST', resource, { body, ...(query ? { query } : {}) });
  }

  put(resource: Resource, body: { metadata: { name: string } }, subresource?: string): Promise<Answer> {
    return this.send('PUT', resource, {
      name: body.metadata.name,
      body,
      ...(subresource ? { subresource } : {}),
    });
  }

  /** A merge patch. */
  patch(resource: Resource, name: string, body: object, subresource?: string): Promise<Answer> {
    return this.send('PATCH', resource, {
      name,
      body,
      contentType: merge,
      ...(subresource ? { subresource } : {}),
    });
  }

  strategic(resource: Resource, name: string, body: object): Promise<Answer> {
    return this.send('PATCH', resource, { name, body, contentType: strategic });
  }

  json(resource: Resource, name: string, body: object[]): Promise<Answer> {
    return this.send('PATCH', resource, { name, body, contentType: 'application/json-patch+json' });
  }

  remove(resource: Resource, name: string, options: object = {}): Promise<Answer> {
    return this.send('DELETE', resource, {
      name,
      body: { kind: 'DeleteOptions', apiVersion: 'v1', ...options },
    });
  }

  evict(pod: string, deleteOptions?: object, query?: Record<string, string>): Promise<Answer> {
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod, namespace: this.name },
      ...(deleteOptions ? { deleteOptions } : {}),
    };
    return this.send('POST', 'pods', {
      name: pod,
      subresource: 'eviction',
      body,
      ...(query ? { query } : {}),
    });
  }

  /** Creates it and returns it as the server made it. */
  async make(resource: Resource, body: object): Promise<Json> {
    const answer = await this.post(resource, body);
    if (answer.status !== 201)
      throw new Error(`${resource} in ${this.name}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** The object; undefined when there is none. */
  async get(resource: Resource, name: string): Promise<Json> {
    const answer = await this.send('GET', resource, { name });
    return answer.status === 404 ? undefined : answer.body;
  }

  list(resource: Resource, query: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', resource, { query });
  }

  /** The items that a label query selects, by name. */
  async all(resource: Resource, labelSelector?: string): Promise<Json[]> {
    const { body } = await this.list(resource, labelSelector ? { labelSelector } : {});
    return body.items;
  }

  watch(resource: Resource, query: Record<string, string>, signal: AbortSignal): AsyncIterable<WatchLine> {
    return this.target.watch(pathOf(resource, this.name), query, signal);
  }

  soon<T>(what: string, look: () => Promise<T> | T): Promise<Truthy<T>> {
    return eventually(what, look, this.target.limits.soonMs);
  }

  /** Waits until there is no such object, or another one with its name. */
  gone(resource: Resource, name: string, uid?: string): Promise<unknown> {
    return this.soon(`${resource} ${name} is gone`, async () => {
      const found = await this.get(resource, name);
      return !found || (uid !== undefined && found.metadata.uid !== uid);
    });
  }

  /** A Node that no kubelet stands behind: what is put on it changes only as the case says. */
  async silentNode(labels: Record<string, string> = {}): Promise<string> {
    const name = `silent-${unique()}`;
    await this.make('nodes', { metadata: { name, labels } });
    this.#nodes.push(name);
    return name;
  }

  /** A pod on a silent node, with the status that its kubelet would have written. */
  async podOn(
    node: string,
    name: string,
    options: {
      labels?: object;
      annotations?: object;
      ready?: boolean;
      phase?: string;
      spec?: object;
      finalizers?: string[];
    } = {},
  ): Promise<Json> {
    const { labels = { app: 'web' }, annotations = {}, spec, finalizers = [] } = options;
    const pod = podNamed(name, { nodeName: node, ...spec });
    await this.make('pods', { ...pod, metadata: { name, labels, annotations, finalizers } });
    return this.tellStatus(name, options);
  }

  async tellStatus(name: string, seen: { ready?: boolean; phase?: string } = {}): Promise<Json> {
    const { ready = true, phase = 'Running' } = seen;
    const ip = `10.99.${parseInt(unique().slice(0, 2), 16)}.${1 + (parseInt(unique().slice(0, 2), 16) % 250)}`;
    const status = {
      phase,
      ...(phase === 'Pending' ? {} : { podIP: ip, podIPs: [{ ip }] }),
      conditions: [{ type: 'Ready', status: ready && phase === 'Running' ? 'True' : 'False' }],
    };
    const answer = await this.patch('pods', name, { status }, 'status');
    expect(answer.status).toBe(200);
    return answer.body;
  }

  /** Opens or closes a readiness gate of a pod. */
  async gate(pod: string, type: string, status: 'True' | 'False'): Promise<void> {
    const { status: present } = await this.get('pods', pod);
    const others = (present.conditions ?? []).filter((c: { type: string }) => c.type !== type);
    const conditions = [...others, { type, status }];
    expect((await this.patch('pods', pod, { status: { conditions } }, 'status')).status).toBe(200);
  }
}

/** Gives every case of the surrounding `describe` a namespace. */
export function useSpace(target: () => Target): () => Space {
  let space: Space;
  beforeEach(async () => {
    space = new Space(target());
    await space.open();
  });
  afterEach(() => space.close());
  return () => space;
}

export const container = { name: 'main', image: 'weightless' };

export const podNamed = (name: string, spec: Partial<PodSpec> = {}) => ({
  metadata: { name },
  spec: { containers: [container], terminationGracePeriodSeconds: 30, ...spec },
});

export const templateOf = (labels: object, spec: Partial<PodSpec> = {}) => ({
  metadata: { labels },
  spec: { containers: [container], terminationGracePeriodSeconds: 1, ...spec },
});

/** A workload whose pods carry `app: <name>`. */
export const workload = (name: string, replicas: number, spec: Partial<PodSpec> = {}, rest: object = {}) => ({
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: templateOf({ app: name }, spec),
    ...rest,
  },
});

/** A budget for the pods with `app: <app>`. */
export const budget = (name: string, app: string, rest: object) => ({
  metadata: { name },
  spec: { selector: { matchLabels: { app } }, ...rest },
});

export const conditionOf = (object: Json, type: string): Json =>
  object?.status?.conditions?.find((c: { type: string }) => c.type === type);

export const isReady = (pod: Json): boolean => conditionOf(pod, 'Ready')?.status === 'True';

export const named = (objects: Json[]): string[] => objects.map((o) => o.metadata.name);
