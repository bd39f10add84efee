import { describe, expect, test } from '@jest/globals';
import type { AwsDescription, EmbeddedGroup } from '../../../src/rehearsal/aws/state.ts';
import { AwsWorld, type AwsWorldOptions } from '../../../src/rehearsal/aws/world.ts';
import { VirtualClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';

const zones = ['a', 'b', 'c'];

async function world(group: Partial<EmbeddedGroup> = {}, options: Partial<AwsWorldOptions> = {}) {
  const clock = new VirtualClock();
  const description: AwsDescription = {
    region: 'eu-west-1',
    accountId: '123456789012',
    cluster: 'shop',
    version: '1.36',
    recommendedImage: 'ami-new',
    images: [],
    launchConfigurations: [],
    templates: [
      {
        id: 'lt-1',
        name: 'lt',
        versions: [{ imageId: 'ami-old', instanceType: 'm5.large' }],
        defaultVersion: 1,
      },
    ],
    groups: [
      {
        name: 'g',
        min: 1,
        max: 6,
        desired: 3,
        subnets: zones.map((zone) => ({ id: `subnet-${zone}`, zone, freeAddresses: 10 })),
        template: { id: 'lt-1', version: '$Latest' },
        tags: new Map(),
        targetGroups: [],
        classicLoadBalancers: [],
        hooks: [],
        labels: {},
        taints: [],
        ...group,
      },
    ],
  };
  const halted: string[] = [];
  const machineRoom = { boot: () => {}, halt: (id: string) => void halted.push(id) };
  const aws = new AwsWorld({ clock, random: new Random(7), machineRoom, description, factor: 1, ...options });
  await clock.advance(120_000);
  const inService = () => aws.membersOf('g').filter((i) => i.lifecycle === 'InService');
  const perZone = () => zones.map((zone) => inService().filter((i) => i.zone === zone).length);
  return { aws, clock, halted, inService, perZone };
}

describe('an embedded Auto Scaling Group', () => {
  test('balances its zones', async () => {
    const { aws, clock, perZone } = await world();
    expect(perZone()).toEqual([1, 1, 1]);
    aws.resize('g', { desired: 5 });
    await clock.advance(120_000);
    expect(perZone().sort()).toEqual([1, 2, 2]);
  });

  test('launches where it is asked to, once per token', async () => {
    const { aws, clock, perZone } = await world();
    const first = aws.launch('g', { zones: ['b'], count: 1, token: 't' });
    expect(aws.launch('g', { zones: ['b'], count: 1, token: 't' })).toEqual(first);
    await clock.advance(60_000);
    expect(perZone()).toEqual([1, 2, 1]);
    expect(aws.group('g').desired).toBe(4);
  });

  test('refuses sizes beyond its bounds in AWS words', async () => {
    const { aws } = await world({ max: 3, min: 3 });
    expect(() => aws.resize('g', { desired: 4 })).toThrow(
      'New SetDesiredCapacity value 4 is above max value 3',
    );
    expect(() => aws.launch('g', { zones: ['a'], count: 1, token: 't' })).toThrow(
      /would exceed the maximum size 3/,
    );
    const [instance] = aws.membersOf('g');
    expect(() => aws.terminate(instance?.id ?? '', true)).toThrow(
      /Currently, desiredSize equals minSize \(3\)/,
    );
  });

  test('replaces what is terminated without decrement, and shrinks with it', async () => {
    const { aws, clock, inService, halted } = await world();
    const [a, b] = inService();
    aws.terminate(a?.id ?? '', false);
    aws.terminate(b?.id ?? '', true);
    await clock.advance(180_000);
    expect(halted).toEqual([a?.id, b?.id]);
    expect(inService()).toHaveLength(2);
    expect(aws.instanceExists(a?.id ?? '')).toBe(false);
  });

  test('chooses its own victim when desired is lowered', async () => {
    const { aws, clock, perZone } = await world({ desired: 4 });
    aws.resize('g', { desired: 3 });
    await clock.advance(120_000);
    expect(perZone()).toEqual([1, 1, 1]);
  });

  test('evens out its zones unless AZRebalance is suspended', async () => {
    for (const suspended of [true, false]) {
      const { aws, clock, perZone } = await world({ desired: 3 });
      if (suspended) aws.suspend('g', ['AZRebalance'], true);
      aws.launch('g', { zones: ['a'], count: 2, token: 't' });
      await clock.advance(60_000);
      for (const i of aws.membersOf('g').filter((i) => i.zone === 'b')) aws.terminate(i.id, true);
      await clock.advance(600_000);
      expect([suspended, Math.max(...perZone()) - Math.min(...perZone()) > 1]).toEqual([
        suspended,
        suspended,
      ]);
    }
  });

  test('holds a terminating instance for its hook', async () => {
    const { aws, clock, inService } = await world({
      hooks: [
        {
          name: 'h',
          transition: 'autoscaling:EC2_INSTANCE_TERMINATING',
          heartbeatSeconds: 300,
          defaultResult: 'CONTINUE',
        },
      ],
    });
    const [instance] = inService();
    aws.terminate(instance?.id ?? '', true);
    await clock.advance(200_000);
    expect(instance?.lifecycle).toBe('Terminating:Wait');
    aws.completeHook(instance?.id ?? '');
    await clock.advance(60_000);
    expect(instance?.lifecycle).toBe('Terminated');
  });

  test('says why a launch failed, and tries again', async () => {
    let full = true;
    const { aws, clock, inService } = await world(
      {},
      { launchFailure: () => (full ? 'We currently do not have sufficient m5.large capacity' : undefined) },
    );
    expect(inService()).toHaveLength(0);
    expect(aws.group('g').activities[0]).toMatchObject({
      status: 'Failed',
      message: expect.stringContaining('sufficient m5.large capacity'),
    });
    full = false;
    await clock.advance(180_000);
    expect(inService()).toHaveLength(3);
  });
});
