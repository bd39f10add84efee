import { describe, expect, test } from '@jest/globals';
import type { LaunchSource, MixedPolicy } from '../../../src/cluster/ports.ts';
import { inProcessAws } from '../../../src/rehearsal/aws/in-process.ts';
import { shopWorld } from '../../rotation/world.ts';

const general = 'shop-general';
const otherTemplate = { LaunchTemplateId: 'lt-0data0000000000000', Version: '$Default' };

describe('what a group launches from', () => {
  test('is told as it is set, and goes back exactly', async () => {
    const { cluster } = await shopWorld({
      account: ({ launchConfigurations }) => {
        launchConfigurations.push({ name: 'old-way', imageId: 'ami-0old', instanceType: 'm5.large' });
      },
    });
    const aws = inProcessAws(cluster.aws);
    const before = await aws.launchSource(general);
    expect(before).toEqual({
      kind: 'template',
      template: { LaunchTemplateId: 'lt-0general0000000000', Version: '$Latest' },
    });
    const policy: MixedPolicy = {
      LaunchTemplate: {
        LaunchTemplateSpecification: { LaunchTemplateId: 'lt-0general0000000000', Version: '1' },
        Overrides: [{ InstanceType: 'r5.large', LaunchTemplateSpecification: otherTemplate }],
      },
      InstancesDistribution: { OnDemandBaseCapacity: 2 },
    };
    const others: LaunchSource[] = [
      { kind: 'configuration', name: 'old-way' },
      { kind: 'mixed', policy },
    ];
    for (const source of [...others, before]) {
      await aws.launchFrom(general, source);
      expect(await aws.launchSource(general)).toEqual(source);
    }
    const [group] = await aws.groups({ names: [general] });
    expect(group?.target.template?.version).toBe('2');
  });

  test('is refused in the words of AWS when it is not there, and nothing changes', async () => {
    const { cluster } = await shopWorld();
    const aws = inProcessAws(cluster.aws);
    const before = await aws.launchSource(general);
    const wrong: [LaunchSource, RegExp][] = [
      [{ kind: 'configuration', name: 'nope' }, /Launch configuration name not found/],
      [
        { kind: 'template', template: { LaunchTemplateId: 'lt-0', Version: '1' } },
        /template ID lt-0, does not/,
      ],
      [{ kind: 'template', template: { ...otherTemplate, Version: '7' } }, /Could not find .* version 7/],
    ];
    for (const [source, why] of wrong) await expect(aws.launchFrom(general, source)).rejects.toThrow(why);
    await expect(aws.launchSource('nope')).rejects.toThrow("AutoScalingGroup 'nope' not found");
    expect(await aws.launchSource(general)).toEqual(before);
  });

  test('is what the next instance runs', async () => {
    const { cluster, clock } = await shopWorld();
    const aws = inProcessAws(cluster.aws);
    await aws.launchFrom(general, { kind: 'template', template: { ...otherTemplate, Version: '1' } });
    await aws.resize(general, { desired: 5 });
    await clock.advance(60_000);
    const newest = cluster.aws.membersOf(general).at(-1);
    expect([newest?.template?.name, newest?.instanceType]).toEqual(['shop-data', 'r5.large']);
  });
});
