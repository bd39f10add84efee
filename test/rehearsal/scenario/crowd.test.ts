import { describe, expect, test } from '@jest/globals';
import { instanceTypes, maxPods } from '../../../src/rehearsal/aws/state.ts';
import { images } from '../../../src/rehearsal/images/index.ts';
import { crowdAccount, crowdOf, crowdWorkloads } from '../../../src/rehearsal/scenario/crowd.ts';
import { systemWorkloads } from '../../../src/rehearsal/scenario/system.ts';

describe.each([8, 40])('a crowd of %i nodes', (nodes) => {
  const crowd = crowdOf(nodes);
  const account = crowdAccount(crowd);
  const deployments = crowdWorkloads(crowd, 'http://queue').flatMap((m) =>
    m.resource === 'deployments' ? [m.object] : [],
  );
  const replicas = (image?: string): number =>
    deployments
      .filter((d) => !image || d.spec.template.spec.containers[0]?.image === image)
      .reduce((sum, d) => sum + (d.spec.replicas ?? 1), 0);

  test('has that many nodes, 25 pods for each, and one of them serves', () => {
    expect(account.groups.reduce((sum, g) => sum + g.desired, 0)).toBe(nodes);
    expect([replicas(), replicas('web')]).toEqual([25 * nodes, nodes]);
  });

  test('runs no process for pods that nobody watches', () => {
    expect(images.office).toBeUndefined();
  });

  test('fits on its nodes with room to spare', () => {
    const type = account.templates[0]?.versions[0]?.instanceType ?? '';
    const daemons = systemWorkloads().filter((m) => m.resource === 'daemonsets').length;
    expect(replicas() + nodes * daemons).toBeLessThan(0.6 * nodes * maxPods(type));
    const cpu = deployments.reduce(
      (sum, d) =>
        sum +
        (d.spec.replicas ?? 1) *
          Number.parseInt(d.spec.template.spec.containers[0]?.resources?.requests?.cpu ?? '0', 10),
      0,
    );
    expect(cpu + nodes * 200).toBeLessThan(0.6 * nodes * 1000 * (instanceTypes[type]?.cpu ?? 0));
  });
});
