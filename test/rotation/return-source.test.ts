import { describe, expect, test } from '@jest/globals';
import type { LaunchSource, TemplateChoice } from '../../src/cluster/ports.ts';
import type { Ran } from '../../src/rotation/plan.ts';
import { commandFor, makesAgain, sourceOf } from '../../src/rotation/return-source.ts';

const ran = (version: string, members: number, instanceTypes = ['m5.large'], id = 'lt-1'): Ran => ({
  template: { id, name: 'nodes', version },
  imageId: `ami-${version}`,
  instanceTypes,
  members,
});
const choice = (Version: string, LaunchTemplateId = 'lt-1'): TemplateChoice => ({
  LaunchTemplateId,
  Version,
});
const latest: LaunchSource = { kind: 'template', template: choice('$Latest') };

describe('what a group launches from after a rollback', () => {
  test('is the version that most of its old nodes ran', () => {
    expect(sourceOf([ran('3', 5), ran('2', 1)], latest)).toEqual({ kind: 'template', template: choice('3') });
  });

  test('is what is there when no node was replaced', () => {
    expect(sourceOf([], latest)).toBe(latest);
  });

  test('is a launch configuration again where a template has taken its place, and the other way round', () => {
    const configured: Ran = {
      launchConfiguration: 'old-way',
      imageId: 'ami-1',
      instanceTypes: ['m5.large'],
      members: 3,
    };
    expect(sourceOf([configured], latest)).toEqual({ kind: 'configuration', name: 'old-way' });
    expect(sourceOf([ran('1', 3)], { kind: 'configuration', name: 'new-way' })).toEqual({
      kind: 'template',
      template: choice('1'),
    });
  });

  test('keeps everything else of a mixed instances policy, and each type its own template', () => {
    const policy = {
      LaunchTemplate: {
        LaunchTemplateSpecification: choice('$Latest'),
        Overrides: [
          { InstanceType: 'm5.large', WeightedCapacity: '2' },
          { InstanceType: 'm7g.large', LaunchTemplateSpecification: choice('$Default', 'lt-arm') },
          { InstanceType: 'c7g.large', LaunchTemplateSpecification: choice('$Latest', 'lt-arm') },
        ],
      },
      InstancesDistribution: { OnDemandBaseCapacity: 1 },
    };
    const found = sourceOf([ran('6', 4, ['m7g.large'], 'lt-arm'), ran('2', 3)], { kind: 'mixed', policy });
    expect(found).toEqual({
      kind: 'mixed',
      policy: {
        ...policy,
        LaunchTemplate: {
          LaunchTemplateSpecification: choice('2'),
          Overrides: [
            { InstanceType: 'm5.large', WeightedCapacity: '2' },
            { InstanceType: 'm7g.large', LaunchTemplateSpecification: choice('6', 'lt-arm') },
            // No old node tells what this one was.
            { InstanceType: 'c7g.large', LaunchTemplateSpecification: choice('$Latest', 'lt-arm') },
          ],
        },
      },
    });
  });

  test('makes the same nodes again only with the same version and the same image', () => {
    const target = (version: string, imageId: string) => ({
      target: { template: { id: 'lt-1', name: 'nodes', version }, imageId, instanceTypes: [] },
    });
    expect(makesAgain(target('1', 'ami-1'), ran('1', 3))).toBe(true);
    expect(makesAgain(target('2', 'ami-1'), ran('1', 3))).toBe(false);
    expect(makesAgain(target('1', 'ami-2'), ran('1', 3))).toBe(false);
  });

  test('can be set by hand with the command that a refusal names', () => {
    expect(commandFor('g', { kind: 'configuration', name: 'old-way' })).toBe(
      'aws autoscaling update-auto-scaling-group --auto-scaling-group-name g --launch-configuration-name old-way',
    );
    expect(commandFor('g', latest)).toMatch("--launch-template 'LaunchTemplateId=lt-1,Version=$Latest'");
  });
});
