import { describe, expect, test } from '@jest/globals';
import { choicesOf, sameSource, withChoices } from '../../src/cluster/launch-choices.ts';
import type { LaunchSource } from '../../src/cluster/ports.ts';
import { copyName } from '../../src/rotation/image/copies.ts';
import { publishedAs } from '../../src/rotation/image/family.ts';

const eks = '/aws/service/eks/optimized-ami/1.36';
const bottlerocket = '/aws/service/bottlerocket/aws-k8s-1.36';

describe('the parameter that names the recommended image', () => {
  test.each([
    ['amazon-eks-node-1.32-v20250715', `${eks}/amazon-linux-2/recommended/image_id`],
    ['amazon-eks-arm64-node-1.29-v20240703', `${eks}/amazon-linux-2-arm64/recommended/image_id`],
    ['amazon-eks-gpu-node-1.32-v20251120', `${eks}/amazon-linux-2-gpu/recommended/image_id`],
    [
      'amazon-eks-node-al2023-x86_64-standard-1.36-v20261101',
      `${eks}/amazon-linux-2023/x86_64/standard/recommended/image_id`,
    ],
    [
      'amazon-eks-node-al2023-arm64-standard-1.30-v20240625',
      `${eks}/amazon-linux-2023/arm64/standard/recommended/image_id`,
    ],
    [
      'amazon-eks-node-al2023-x86_64-nvidia-560-1.31-v20241115',
      `${eks}/amazon-linux-2023/x86_64/nvidia/recommended/image_id`,
    ],
    [
      'amazon-eks-node-al2023-arm64-nvidia-1.35-v20260304',
      `${eks}/amazon-linux-2023/arm64/nvidia/recommended/image_id`,
    ],
    [
      'amazon-eks-node-al2023-x86_64-neuron-1.34-v20260801',
      `${eks}/amazon-linux-2023/x86_64/neuron/recommended/image_id`,
    ],
    ['bottlerocket-aws-k8s-1.30-x86_64-v1.20.5-1234abcd', `${bottlerocket}/x86_64/latest/image_id`],
    ['bottlerocket-aws-k8s-1.32-aarch64-v1.51.0-47438798', `${bottlerocket}/arm64/latest/image_id`],
    [
      'bottlerocket-aws-k8s-1.23-nvidia-x86_64-v1.14.0-9cd59298',
      `${bottlerocket}-nvidia/x86_64/latest/image_id`,
    ],
    ['bottlerocket-aws-k8s-1.35-fips-x86_64-v1.58.0-c5c37032', `${bottlerocket}-fips/x86_64/latest/image_id`],
  ])('of %s', (name, parameter) => {
    expect(publishedAs({ name, amazons: true })?.parameter('1.36')).toBe(parameter);
    expect(publishedAs({ name, amazons: false })).toBeUndefined();
  });

  test.each([
    'Windows_Server-2022-English-Core-EKS_Optimized-1.31-2025.01.15',
    'ubuntu-eks/k8s_1.31/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-20250101',
    'bottlerocket-aws-ecs-2-x86_64-v1.20.0-abc',
    'my-amazon-eks-node-1.31-v20240101',
    'amazon-eks-node-al2023-x86_64-other-1.31-v20240101',
  ])('is not known of %s', (name) => {
    expect(publishedAs({ name, amazons: true })).toBeUndefined();
  });
});

describe('the name of a copied launch configuration', () => {
  test('names the run, in place of the run before', () => {
    const first = copyName('nodes', '20261121-150000');
    expect(first).toBe('nodes-eks-rolling-20261121-150000');
    expect(copyName(first, '20261122-150000-2')).toBe('nodes-eks-rolling-20261122-150000-2');
    expect(copyName('nodes-eks-rolling-20261122-150000-2', 'x')).toBe('nodes-eks-rolling-x');
  });

  test('is never longer than AWS takes', () => {
    const name = copyName('n'.repeat(255), '20261121-150000');
    expect(name).toHaveLength(255);
    expect(name).toMatch(/n-eks-rolling-20261121-150000$/);
  });
});

describe('a launch source', () => {
  const choice = (id: string) => ({ LaunchTemplateId: id, Version: '$Latest' });
  const source: LaunchSource = {
    kind: 'mixed',
    policy: {
      LaunchTemplate: {
        LaunchTemplateSpecification: choice('a'),
        Overrides: [
          { InstanceType: 'm5.large' },
          { InstanceType: 'm7g.large', LaunchTemplateSpecification: choice('b') },
        ],
      },
      InstancesDistribution: { OnDemandBaseCapacity: 1 },
    },
  };

  test('gets other templates in the order in which it names them, and stays the same otherwise', () => {
    expect(choicesOf(source).map((c) => c.LaunchTemplateId)).toEqual(['a', 'b']);
    const other = withChoices(source, [choice('x'), choice('y')]);
    expect(choicesOf(other).map((c) => c.LaunchTemplateId)).toEqual(['x', 'y']);
    expect(sameSource(withChoices(other, choicesOf(source)), source)).toBe(true);
    expect(sameSource(other, source)).toBe(false);
  });

  test('is the same in another order of its members', () => {
    const template = { Version: '1', LaunchTemplateId: 'a' };
    const one: LaunchSource = { kind: 'template', template };
    const same: LaunchSource = { template: { LaunchTemplateId: 'a', Version: '1' }, kind: 'template' };
    expect(sameSource(one, same)).toBe(true);
    expect(choicesOf({ kind: 'configuration', name: 'old' })).toEqual([]);
  });
});
