import { describe, expect, test } from '@jest/globals';
import { instanceIdOf, membersOf } from '../../src/cluster/members.ts';
import type { GroupInstance, Instance } from '../../src/cluster/ports.ts';
import { group, newTemplate, node } from '../rotation/objects.ts';

const instance = (id: string, given: Partial<GroupInstance> = {}): GroupInstance => ({
  id: `i-${id}`,
  zone: 'a',
  lifecycle: 'InService',
  healthy: true,
  protectedFromScaleIn: false,
  template: newTemplate,
  ...given,
});
const ec2 = (id: string, imageId = 'ami-new', launchedAt = 0): Instance => ({
  id: `i-${id}`,
  state: 'running',
  imageId,
  instanceType: 'm5.large',
  zone: 'a',
  privateDnsName: id,
  launchedAt,
});
const stateOf = (given: Partial<GroupInstance>, image?: string, nodes = [node('x')]): string | undefined =>
  membersOf([group({ instances: [instance('x', given)] })], [ec2('x', image)], nodes)[0]?.state;

describe('a member is an instance joined with its Node', () => {
  test.each<[string, Partial<GroupInstance>, string | undefined, string]>([
    ['on the template version of the group is current', {}, undefined, 'current'],
    [
      'on an older version is outdated',
      { template: { ...newTemplate, version: '1' } },
      undefined,
      'outdated',
    ],
    ['with another image under the same version is outdated', {}, 'ami-old', 'outdated'],
    ['that boots is joining', { lifecycle: 'Pending:Wait' }, undefined, 'joining'],
    ['in a warm pool is joining', { lifecycle: 'Warmed:Stopped' }, undefined, 'joining'],
    ['held by a termination hook is leaving', { lifecycle: 'Terminating:Wait' }, undefined, 'leaving'],
    ['that is detached is leaving', { lifecycle: 'Detaching' }, undefined, 'leaving'],
    ['on standby is standby', { lifecycle: 'Standby' }, undefined, 'standby'],
  ])('one %s', (_, given, image, state) => {
    expect(stateOf(given, image)).toBe(state);
  });

  test('the launch configuration is compared where the group has one', () => {
    const target = { launchConfiguration: 'lc-2', imageId: 'ami-new', instanceTypes: [] };
    const { template: _, ...bare } = instance('x');
    const states = ['lc-1', 'lc-2'].map((launchConfiguration) => {
      const instances = [{ ...bare, launchConfiguration }];
      return membersOf([group({ target, instances })], [ec2('x')], [node('x')])[0]?.state;
    });
    expect(states).toEqual(['outdated', 'current']);
  });

  describe('of a mixed instances policy', () => {
    const large = {
      template: { ...newTemplate, id: 'lt-arm', name: 'arm' },
      imageId: 'ami-arm',
      instanceTypes: [],
    };
    const state = (
      overrides: { instanceType?: string; target: typeof large }[],
      given: Partial<GroupInstance>,
      image: string,
    ) =>
      membersOf([group({ overrides, instances: [instance('x', given)] })], [ec2('x', image)], [node('x')])[0]
        ?.state;
    const arm = { id: 'lt-arm', name: 'arm', version: '2' };

    test('is compared with the template of the override for its type', () => {
      const overrides = [{ instanceType: 'm7g.large', target: large }];
      expect(state(overrides, { instanceType: 'm7g.large', template: arm }, 'ami-arm')).toBe('current');
      expect(state(overrides, { instanceType: 'm7g.large' }, 'ami-new')).toBe('outdated');
      expect(state(overrides, { instanceType: 'm5.large' }, 'ami-new')).toBe('current');
      expect(state(overrides, { instanceType: 'm5.large', template: arm }, 'ami-arm')).toBe('outdated');
    });

    test('may have any of the templates where attributes choose the type', () => {
      const overrides = [{ target: large }];
      expect(state(overrides, { instanceType: 'm7g.large', template: arm }, 'ami-arm')).toBe('current');
      expect(state(overrides, { instanceType: 'm5.large' }, 'ami-new')).toBe('current');
      expect(state(overrides, { instanceType: 'm5.large' }, 'ami-old')).toBe('outdated');
    });
  });

  test('one launched before the given moment is outdated, whatever it runs', () => {
    const states = [4, 5].map(
      (launchedAt) =>
        membersOf(
          [group({ instances: [instance('x')] })],
          [ec2('x', 'ami-new', launchedAt)],
          [node('x')],
          5,
        )[0]?.state,
    );
    expect(states).toEqual(['outdated', 'current']);
  });

  test('one in service without a Node is orphaned, whatever its version', () => {
    expect(stateOf({}, undefined, [])).toBe('orphaned');
  });

  test('the template is compared by name when the group does not say the id', () => {
    expect(stateOf({ template: { name: 'nodes', version: '2' } })).toBe('current');
    expect(stateOf({ template: { name: 'other', version: '2' } })).toBe('outdated');
  });

  test('the oldest comes first', () => {
    const members = membersOf(
      [group({ instances: [instance('young'), instance('old')] })],
      [ec2('young', 'ami-new', 200), ec2('old', 'ami-new', 100)],
      [],
    );
    expect(members.map((m) => m.instanceId)).toEqual(['i-old', 'i-young']);
  });

  test('a Node without providerID, or of another provider, belongs to no instance', () => {
    expect(instanceIdOf({ metadata: { name: 'x' }, spec: {} })).toBeUndefined();
    expect(
      instanceIdOf({ metadata: { name: 'x' }, spec: { providerID: 'kind://docker/x' } }),
    ).toBeUndefined();
    expect(instanceIdOf(node('x'))).toBe('i-x');
  });
});
