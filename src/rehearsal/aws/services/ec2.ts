import * as sdk from '@aws-sdk/client-ec2';
import { AwsRefusal, type EmbeddedInstance, instanceTypes, type LaunchTemplate } from '../state.ts';
import {
  createVersion,
  deleteVersion,
  imageBy,
  numberOf,
  numbersOf,
  templateBy,
  versionOf,
} from '../templates.ts';
import type { AwsWorld } from '../world.ts';
import type { Service } from './service.ts';

/** Terminated instances stay visible for a while. */
const stateCodes: Record<EmbeddedInstance['ec2'], number> = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
};

export function ec2(world: AwsWorld): Service {
  const { description } = world;
  return {
    signingName: 'ec2',
    protocol: 'ec2',
    version: '2016-11-15',
    shapes: sdk,
    actions: {
      DescribeInstances(input: sdk.DescribeInstancesRequest) {
        const ids = input.InstanceIds ?? [];
        const missing = ids.find((id) => !world.instances.has(id));
        if (missing)
          throw new AwsRefusal('InvalidInstanceID.NotFound', `The instance ID '${missing}' does not exist`);
        const wanted = input.Filters?.find((f) => f.Name === 'instance-id')?.Values;
        const found = [...world.instances.values()].filter(
          (i) => (ids.length === 0 || ids.includes(i.id)) && (!wanted || wanted.includes(i.id)),
        );
        return {
          Reservations: found.map((i) => ({
            ReservationId: `r-${i.id.slice(2)}`,
            Instances: [instanceShape(i)],
          })),
        };
      },
      DescribeLaunchTemplates(input: sdk.DescribeLaunchTemplatesRequest) {
        const ids = input.LaunchTemplateIds ?? [];
        const names = input.LaunchTemplateNames ?? [];
        const found = world.description.templates.filter((t) =>
          ids.length + names.length === 0 ? true : ids.includes(t.id) || names.includes(t.name),
        );
        return {
          LaunchTemplates: found.map((t) => ({
            LaunchTemplateId: t.id,
            LaunchTemplateName: t.name,
            DefaultVersionNumber: t.defaultVersion,
            LatestVersionNumber: numberOf(t, '$Latest'),
          })),
        };
      },
      DescribeLaunchTemplateVersions(input: sdk.DescribeLaunchTemplateVersionsRequest) {
        const found = templateBy(description, input.LaunchTemplateId, input.LaunchTemplateName);
        const numbers = (input.Versions ?? numbersOf(found).map(String)).map((v) => numberOf(found, v));
        const unknown = numbers.find((n) => !versionOf(found, n));
        if (unknown !== undefined)
          throw new AwsRefusal(
            'InvalidLaunchTemplateId.VersionNotFound',
            `Could not find launch template version ${unknown}.`,
          );
        return { LaunchTemplateVersions: numbers.map((n) => versionShape(found, n)) };
      },
      CreateLaunchTemplateVersion(input: sdk.CreateLaunchTemplateVersionRequest) {
        const found = templateBy(description, input.LaunchTemplateId, input.LaunchTemplateName);
        const { ImageId, InstanceType } = input.LaunchTemplateData ?? {};
        const data = { imageId: ImageId, instanceType: InstanceType };
        const number = createVersion(found, input.SourceVersion, data, input.VersionDescription);
        return { LaunchTemplateVersion: versionShape(found, number) };
      },
      DeleteLaunchTemplateVersions(input: sdk.DeleteLaunchTemplateVersionsRequest) {
        const found = templateBy(description, input.LaunchTemplateId, input.LaunchTemplateName);
        const done = (input.Versions ?? []).map((v) => ({
          item: { LaunchTemplateId: found.id, LaunchTemplateName: found.name, VersionNumber: Number(v) },
          failure: deleteVersion(found, Number(v)),
        }));
        return {
          SuccessfullyDeletedLaunchTemplateVersions: done.flatMap((d) => (d.failure ? [] : [d.item])),
          UnsuccessfullyDeletedLaunchTemplateVersions: done.flatMap(({ item, failure }) =>
            failure ? [{ ...item, ResponseError: { Code: failure.code, Message: failure.message } }] : [],
          ),
        };
      },
      DescribeImages(input: sdk.DescribeImagesRequest) {
        const ids = input.ImageIds ?? [];
        const missing = ids.find((id) => !imageBy(description, id));
        if (missing)
          throw new AwsRefusal('InvalidAMIID.NotFound', `The image id '[${missing}]' does not exist`);
        const wanted = input.Filters?.find((f) => f.Name === 'image-id')?.Values;
        const found = description.images.filter(
          (i) => (ids.length === 0 || ids.includes(i.id)) && (!wanted || wanted.includes(i.id)),
        );
        return {
          Images: found.map((i) => ({
            ImageId: i.id,
            Name: i.name,
            State: i.state ?? 'available',
            Architecture: i.architecture ?? 'x86_64',
            CreationDate: new Date(i.createdAt).toISOString(),
            // The account's own images have no alias.
            ...(i.own ? {} : { ImageOwnerAlias: 'amazon' }),
          })),
        };
      },
      DescribeSubnets(input: sdk.DescribeSubnetsRequest) {
        const all = [...world.groups.values()].flatMap((g) => g.subnets);
        const unique = [...new Map(all.map((s) => [s.id, s])).values()];
        const found = unique.filter((s) => (input.SubnetIds ?? [s.id]).includes(s.id));
        return {
          Subnets: found.map((s) => ({
            SubnetId: s.id,
            AvailabilityZone: s.zone,
            AvailableIpAddressCount: s.freeAddresses,
            State: 'available',
          })),
        };
      },
      DescribeInstanceTypes(input: sdk.DescribeInstanceTypesRequest) {
        const found = Object.entries(instanceTypes).filter(([name]) =>
          (input.InstanceTypes ?? [name]).includes(name as sdk._InstanceType),
        );
        return {
          InstanceTypes: found.map(([InstanceType, type]) => ({
            InstanceType,
            VCpuInfo: { DefaultVCpus: type.cpu },
            MemoryInfo: { SizeInMiB: type.memoryMiB },
            NetworkInfo: {
              MaximumNetworkInterfaces: type.interfaces,
              Ipv4AddressesPerInterface: type.addresses,
              DefaultNetworkCardIndex: 0,
              NetworkCards: [{ NetworkCardIndex: 0, MaximumNetworkInterfaces: type.interfaces }],
            },
          })),
        };
      },
      TerminateInstances(input: sdk.TerminateInstancesRequest) {
        for (const id of input.InstanceIds ?? []) world.pullThePlug(id);
        return {
          TerminatingInstances: (input.InstanceIds ?? []).map((InstanceId) => ({
            InstanceId,
            CurrentState: { Code: 32, Name: 'shutting-down' },
          })),
        };
      },
    },
  };
}

function versionShape(template: LaunchTemplate, number: number): sdk.LaunchTemplateVersion {
  const version = versionOf(template, number);
  return {
    LaunchTemplateId: template.id,
    LaunchTemplateName: template.name,
    VersionNumber: number,
    VersionDescription: version?.description,
    DefaultVersion: number === template.defaultVersion,
    LaunchTemplateData: {
      ImageId: version?.imageId,
      InstanceType: version?.instanceType as sdk._InstanceType,
      BlockDeviceMappings: version?.snapshots?.map((DeviceName) => ({
        DeviceName,
        Ebs: { SnapshotId: 'snap-0embedded' },
      })),
    },
  };
}

function instanceShape(i: EmbeddedInstance): sdk.Instance {
  return {
    InstanceId: i.id,
    ImageId: i.imageId,
    InstanceType: i.instanceType as sdk._InstanceType,
    State: { Code: stateCodes[i.ec2], Name: i.ec2 },
    Placement: { AvailabilityZone: i.zone },
    PrivateDnsName: i.privateDnsName,
    PrivateIpAddress: i.privateIp,
    SubnetId: i.subnet,
    LaunchTime: new Date(i.launchedAt),
  };
}
