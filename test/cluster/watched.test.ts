import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../src/cluster/objects.ts';
import { type Kubernetes, KubernetesError, type WatchEvent } from '../../src/cluster/ports.ts';
import { type Watched, watched } from '../../src/cluster/watched.ts';

const pod = (name: string, version: number, node = 'one', uid = name): Pod =>
  ({
    metadata: { name, namespace: 'shop', uid, resourceVersion: String(version), labels: { app: name } },
    spec: { nodeName: node, containers: [] },
  }) as unknown as Pod;

/** A server that counts what it is asked, and whose watch tells what the test says. */
function server(present: Pod[], watching: 'allowed' | 'forbidden' = 'allowed') {
  const asked: string[] = [];
  const said: string[] = [];
  const over = new AbortController();
  let tell: (event: WatchEvent<Pod>) => void = () => {};
  const kubernetes: Partial<Kubernetes> = {
    async list(_resource, query = {}) {
      asked.push(`list ${query.fieldSelector ?? 'all'}`);
      return { items: present as never, resourceVersion: '1' };
    },
    async update(_resource, object) {
      asked.push('update');
      return object;
    },
    async *watch(_resource, _query, signal, synced) {
      asked.push('watch');
      if (watching === 'forbidden') throw new KubernetesError(403, 'Forbidden', 'you may not watch pods');
      for (const object of present) yield { type: 'ADDED', object } as never;
      synced?.();
      while (!signal.aborted) {
        yield (await new Promise<WatchEvent<Pod>>((resolve) => {
          tell = resolve;
          signal.addEventListener('abort', () => resolve({ type: 'MODIFIED', object: pod('web', 0) }));
        })) as never;
      }
    },
  };
  const memory: Watched = watched(kubernetes as Kubernetes, over.signal, (line) => void said.push(line));
  return {
    memory,
    asked,
    said,
    stop: () => over.abort(),
    async tell(type: WatchEvent<Pod>['type'], object: Pod) {
      tell({ type, object });
      await new Promise((resolve) => setImmediate(resolve));
    },
    async names(query = {}) {
      return (await memory.list('pods', query)).items.map((p) => p.metadata.name);
    },
  };
}

describe('a list from memory', () => {
  test('costs one watch, however often it is asked for', async () => {
    const s = server([pod('web', 1), pod('cart', 2)]);
    for (let i = 0; i < 5; i++) expect(await s.names()).toEqual(['web', 'cart']);
    expect(s.asked).toEqual(['watch']);
  });

  test('has what the watch has told', async () => {
    const s = server([pod('web', 1)]);
    await s.names();
    await s.tell('ADDED', pod('cart', 2));
    expect(await s.names()).toEqual(['web', 'cart']);
    await s.tell('DELETED', pod('web', 3));
    expect(await s.names()).toEqual(['cart']);
  });

  test('answers by node, namespace and label', async () => {
    const s = server([pod('web', 1, 'one'), pod('cart', 2, 'two')]);
    expect(await s.names({ fieldSelector: 'spec.nodeName=two' })).toEqual(['cart']);
    expect(await s.names({ labelSelector: 'app=web' })).toEqual(['web']);
    expect(await s.names({ namespace: 'other' })).toEqual([]);
    await s.tell('MODIFIED', pod('web', 3, 'two'));
    expect(await s.names({ fieldSelector: 'spec.nodeName=one' })).toEqual([]);
    expect(s.asked).toEqual(['watch']);
  });

  test('has what this process wrote, also when the watch tells of older things afterwards', async () => {
    const s = server([pod('web', 1, 'one')]);
    await s.names();
    await s.memory.update('pods', pod('web', 5, 'two'));
    await s.tell('MODIFIED', pod('web', 4, 'one'));
    expect(await s.names({ fieldSelector: 'spec.nodeName=two' })).toEqual(['web']);
  });

  test('keeps the object that has the name now when the one before it is told to be gone', async () => {
    const s = server([pod('web', 1, 'one', 'first')]);
    await s.names();
    await s.memory.update('pods', pod('web', 5, 'two', 'second'));
    await s.tell('DELETED', pod('web', 6, 'one', 'first'));
    expect(await s.names()).toEqual(['web']);
  });
});

describe('the API server is asked', () => {
  test('for a fresh list, and for other fields than the node', async () => {
    const s = server([pod('web', 1)]);
    await s.names({ fresh: true });
    await s.names({ fieldSelector: 'status.phase=Running' });
    expect(s.asked).toEqual(['list all', 'list status.phase=Running']);
  });

  test('each time when watching is not allowed, which is said once', async () => {
    const s = server([pod('web', 1)], 'forbidden');
    for (let i = 0; i < 3; i++) expect(await s.names()).toEqual(['web']);
    expect(s.asked).toEqual(['watch', 'list all', 'list all', 'list all']);
    expect(s.said).toEqual([
      'Cannot watch pods (you may not watch pods); listing them again and again instead.',
    ]);
  });

  test('when the watches have been ended', async () => {
    const s = server([pod('web', 1)]);
    await s.names();
    s.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await s.names()).toEqual(['web']);
    expect(s.asked).toEqual(['watch', 'list all']);
    expect(s.said).toEqual([]);
  });
});

test('a change wakes who waits for one', async () => {
  const s = server([pod('web', 1)]);
  await s.names();
  let woken = 0;
  void s.memory.changed().then(() => woken++);
  await new Promise((resolve) => setImmediate(resolve));
  expect(woken).toBe(0);
  await s.tell('MODIFIED', pod('web', 2));
  expect(woken).toBe(1);
});
