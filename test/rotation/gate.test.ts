import { describe, expect, test } from '@jest/globals';
import type { Deployment } from '../../src/cluster/objects.ts';
import { passGate } from '../../src/rotation/gate.ts';
import { fakePods } from './fake-context.ts';
import { deployment, node } from './objects.ts';

/** How long the gate stays shut when `shop/web` lacks a pod at these looks, and what it ended with. */
async function gate(lacksAt: (look: number) => boolean, known: string[] = []) {
  let looks = 0;
  const fake = fakePods([], undefined, [], { nodes: [node('n')] });
  const { list } = fake.context.kubernetes;
  fake.context.kubernetes.list = (async (resource: never, query: never) => {
    if (resource !== 'deployments') return list(resource, query);
    const web: Deployment = { ...deployment('web'), status: { readyReplicas: lacksAt(++looks) ? 0 : 1 } };
    return { items: [web], resourceVersion: '1' };
  }) as never;
  const failure = await fake.clock.run(
    passGate(fake.context, new Set(known)).then(
      () => '',
      (error: Error) => error.message,
    ),
  );
  return { failure, looks };
}

describe('the gate before the next wave', () => {
  test('opens when the cluster was well several times in a row', async () => {
    expect(await gate(() => false)).toEqual({ failure: '', looks: 2 });
  });

  test('begins to count anew when a service flaps', async () => {
    expect(await gate((look) => look === 2 || look === 4)).toEqual({ failure: '', looks: 6 });
  });

  test('names what keeps it shut for all of gate-timeout', async () => {
    const { failure } = await gate((look) => look % 2 === 0);
    expect(failure).toContain('gate-timeout');
    expect((await gate(() => true)).failure).toContain('Deployment shop/web has too few ready pods');
  });

  test('does not hold up a rotation for what was so before it', async () => {
    expect(await gate(() => true, ['Deployment shop/web has too few ready pods'])).toEqual({
      failure: '',
      looks: 2,
    });
  });
});
