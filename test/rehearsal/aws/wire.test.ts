import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';

/** The unmodified SDK against the embedded endpoint, outside jest's own module system. */
async function inAnotherProcess(file: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(process.execPath, [new URL(file, import.meta.url).pathname]);
  return JSON.parse(stdout);
}

const followsLatest = { kind: 'template', template: { LaunchTemplateId: 'lt-1', Version: '$Latest' } };
const mixed = {
  kind: 'mixed',
  policy: {
    LaunchTemplate: {
      LaunchTemplateSpecification: { LaunchTemplateId: 'lt-1', Version: '$Default' },
      Overrides: [
        { InstanceType: 'm5.xlarge', WeightedCapacity: '2' },
        {
          InstanceType: 'm7g.large',
          LaunchTemplateSpecification: { LaunchTemplateId: 'lt-1', Version: '$Latest' },
        },
        {
          InstanceRequirements: { VCpuCount: { Min: 2 }, MemoryMiB: { Min: 4096 } },
          LaunchTemplateSpecification: { LaunchTemplateId: 'lt-1', Version: '1' },
        },
      ],
    },
    InstancesDistribution: { OnDemandBaseCapacity: 1, SpotAllocationStrategy: 'price-capacity-optimized' },
  },
};

describe('the adapter and the embedded AWS', () => {
  test('understand each other through the SDK for every call of the port', async () => {
    expect(await inAnotherProcess('./wire-program.ts')).toEqual({
      group: {
        name: 'g',
        min: 1,
        max: 5,
        desired: 3,
        canLaunchInZone: true,
        countsUnits: false,
        image: 'ami-new',
        template: '2',
        zones: 3,
        instances: 3,
      },
      noNames: [],
      instances: ['ami-new'],
      launched: 1,
      sameToken: true,
      tooMany: 'refused',
      suspended: ['AZRebalance'],
      resumed: [],
      activities: true,
      refresh: [false, true],
      mixed: {
        canLaunchInZone: false,
        countsUnits: true,
        types: ['m5.xlarge', 'm7g.large'],
        image: 'ami-old',
        overrides: [
          ['m7g.large', '2', 'ami-new'],
          ['any', '1', 'ami-old'],
        ],
      },
      sources: { g: followsLatest, mixed },
      swapped: [
        [{ kind: 'configuration', name: 'old-way' }, 'ami-old'],
        [mixed, 'ami-old'],
        [followsLatest, 'ami-new'],
      ],
      sourcesInProcess: true,
      launches: ['gone', 'gone', 'gone', 'ami-old', 'ami-old', 'ami-new'],
      launchesInProcess: true,
      sameCopies: true,
      copies: {
        images: [
          { id: 'ami-arm', name: 'arm', architecture: 'arm64', state: 'pending', amazons: false },
          { id: 'ami-old', name: 'old', architecture: 'x86_64', state: 'available', amazons: true },
        ],
        parameters: ['ami-arm', 'none'],
        versions: [
          { version: '1', description: '' },
          { version: '2', description: '' },
          { version: '3', description: 'made by a run' },
        ],
        followers: ['g', 'mixed'],
        launches: ['3', 'ami-new'],
        left: ['1', '2'],
        latest: '2',
        next: '4',
        made: {
          name: 'old-way-new-image',
          imageId: 'ami-new',
          instanceType: 'm5.large',
          settings: {
            UserData: 'IyEvYmluL3No',
            SecurityGroups: ['sg-1', 'sg-2'],
            IamInstanceProfile: 'node',
            BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 50, Encrypted: true } }],
            MetadataOptions: { HttpTokens: 'required' },
          },
        },
        inUse:
          'DeleteLaunchConfiguration: ResourceInUse: Cannot delete launch configuration old-way-new-image because it is attached to AutoScalingGroup g',
        taken:
          'CreateLaunchConfiguration: AlreadyExists: Launch Configuration by this name already exists - A launch configuration already exists with the name old-way-new-image',
        configurations: ['old-way'],
        default:
          'DeleteLaunchTemplateVersions: unexpectedError: The default launch template version cannot be deleted.',
        noVersion:
          'CreateLaunchTemplateVersion: InvalidLaunchTemplateId.VersionNotFound: Could not find launch template version 9.',
        noTemplate:
          'DescribeLaunchTemplateVersions: InvalidLaunchTemplateId.NotFound: The specified launch template, with template ID lt-9, does not exist.',
        noSource: 'DescribeLaunchConfigurations: NotFound: there is no nope to copy',
        noImage: 'CreateLaunchConfiguration: ValidationError: AMI cannot be described',
        tooLong: 'raint: Member must have length less than or equal to 255',
      },
      noSource: 'DescribeAutoScalingGroups: NotFound: no group is named nope',
      noVersion:
        'UpdateAutoScalingGroup: ValidationError: You must use a valid fully-formed launch template. Could not find launch template version 9.',
      noConfiguration:
        'UpdateAutoScalingGroup: ValidationError: Launch configuration name not found - Launch configuration nope not found',
      balancers: {
        targetGroups: ['k8s-shop-web'],
        classic: ['a-shop-web'],
        nothing: { targetGroups: [], classicLoadBalancers: [] },
        registered: ['k8s-shop-web initial', 'a-shop-web initial'],
        serving: ['k8s-shop-web healthy', 'a-shop-web healthy'],
        draining: ['k8s-shop-web draining', 'a-shop-web draining'],
        left: 0,
      },
      replacesUnhealthyTargets: [false, true],
      health: ['healthy'],
      afterTerminating: { desired: 3, max: 7 },
      aboveMax:
        'SetDesiredCapacity: ValidationError: New SetDesiredCapacity value 99 is above max value 7 for the AutoScalingGroup.',
      token: 'k8s-aws-v1.',
      endpoint: 'https://cluster',
      noCluster: 'DescribeCluster: ResourceNotFoundException: No cluster found for name: nope.',
    });
  }, 30_000);
});
