import { beforeEach, describe, expect, test } from '@jest/globals';
import type { EndpointSlice } from '../../../src/cluster/objects.ts';
import { Targets } from '../../../src/rehearsal/balancer/targets.ts';
import { createStore } from '../../../src/rehearsal/kubernetes/memory-store.ts';
import type { Store } from '../../../src/rehearsal/kubernetes/store.ts';
import { VirtualClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';

const namespace = 'shop';
let clock: VirtualClock;
let store: Store;

beforeEach(() => {
  clock = new VirtualClock();
  store = createStore({ clock, random: new Random(1) });
});

const targets = (portName?: string): Targets =>
  new Targets({
    store,
    clock,
    random: new Random(2),
    namespace,
    service: 'web',
    learnMs: { from: 500, to: 3000 },
    ...(portName ? { portName } : {}),
  });

const endpoint = (address: string, conditions: EndpointSlice['endpoints'][number]['conditions'] = {}) => ({
  addresses: [address],
  conditions: { ready: true, ...conditions },
});

function slice(name: string, ...endpoints: EndpointSlice['endpoints']): void {
  const object: EndpointSlice = {
    metadata: { name, namespace, labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints,
    ports: [
      { name: 'metrics', port: 9090 },
      { name: 'main', port: 8080 },
    ],
  };
  if (store.get('endpointslices', object.metadata)) store.update('endpointslices', object);
  else store.create('endpointslices', object);
}

/** The targets of the next few connections. */
const known = (of: Targets): string[] =>
  [...new Set(Array.from({ length: 10 }, () => of.next()?.host).filter((host) => host !== undefined))].sort();

describe('the targets of a balancer', () => {
  test('are learned late, also those that were there before it', async () => {
    slice('web-1', endpoint('10.0.0.1'));
    const some = targets();
    await clock.advance(499);
    expect(some.next()).toBeUndefined();
    await clock.advance(2501);
    expect(known(some)).toEqual(['10.0.0.1']);
    slice('web-1', endpoint('10.0.0.1'), endpoint('10.0.0.2'));
    await clock.advance(499);
    expect(known(some)).toEqual(['10.0.0.1']);
    await clock.advance(2501);
    expect(known(some)).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  test('are forgotten late when they terminate or are no longer ready', async () => {
    slice('web-1', endpoint('10.0.0.1'), endpoint('10.0.0.2'), endpoint('10.0.0.3'));
    const some = targets();
    await clock.advance(3000);
    slice(
      'web-1',
      endpoint('10.0.0.1'),
      endpoint('10.0.0.2', { terminating: true }),
      endpoint('10.0.0.3', { ready: false }),
    );
    await clock.advance(499);
    expect(known(some)).toHaveLength(3);
    await clock.advance(2501);
    expect(known(some)).toEqual(['10.0.0.1']);
  });

  test('stay when a change is taken back before it was learned', async () => {
    slice('web-1', endpoint('10.0.0.1'));
    const some = targets();
    await clock.advance(3000);
    slice('web-1', endpoint('10.0.0.1', { ready: false }));
    await clock.advance(100);
    slice('web-1', endpoint('10.0.0.1'));
    for (let i = 0; i < 30; i++) {
      await clock.advance(100);
      expect(known(some)).toEqual(['10.0.0.1']);
    }
  });

  test('come from all slices of the service, and go with a deleted slice', async () => {
    slice('web-1', endpoint('10.0.0.1'));
    slice('web-2', endpoint('10.0.0.2'));
    const some = targets();
    await clock.advance(3000);
    expect(known(some)).toEqual(['10.0.0.1', '10.0.0.2']);
    store.remove('endpointslices', { namespace, name: 'web-1' });
    await clock.advance(3000);
    expect(known(some)).toEqual(['10.0.0.2']);
  });

  test('take turns, on the port that was asked for', async () => {
    slice('web-1', endpoint('10.0.0.1'), endpoint('10.0.0.2'));
    const some = targets('main');
    await clock.advance(3000);
    const [a, b, c] = [some.next(), some.next(), some.next()];
    expect(a).not.toEqual(b);
    expect(c).toEqual(a);
    expect(a?.port).toBe(8080);
  });

  test('are learned no more once it is stopped', async () => {
    const some = targets();
    slice('web-1', endpoint('10.0.0.1'));
    some.stop();
    slice('web-1', endpoint('10.0.0.2'));
    await clock.advance(5000);
    expect(some.next()).toBeUndefined();
  });
});
