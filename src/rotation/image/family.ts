import type { MachineImage } from '../../cluster/images.ts';

/** What an image that AWS publishes for nodes is, told by its name. */
interface Published {
  /** For people: `Amazon Linux 2023 (standard)`. */
  family: string;
  /** Where SSM names the recommended one for a minor version of Kubernetes, such as `1.36`. */
  parameter(minor: string): string;
}

const optimized = '/aws/service/eks/optimized-ami';

/**
 * The names that EKS and Bottlerocket give their images, and the parameters that they document:
 * https://docs.aws.amazon.com/eks/latest/userguide/retrieve-ami-id.html and retrieve-ami-id-bottlerocket.html.
 */
const published: readonly { name: RegExp; of(parts: readonly string[]): Published }[] = [
  {
    // Some NVIDIA images carry the version of the driver: `nvidia-560`.
    name: /^amazon-eks-node-al2023-(x86_64|arm64)-(standard|nvidia|neuron)(?:-\d+)?-\d+\.\d+-v\d/,
    of: ([, architecture, variant]) => ({
      family: `Amazon Linux 2023 (${variant})`,
      parameter: (minor) =>
        `${optimized}/${minor}/amazon-linux-2023/${architecture}/${variant}/recommended/image_id`,
    }),
  },
  {
    name: /^amazon-eks-(?:(arm64|gpu)-)?node-\d+\.\d+-v\d/,
    of: ([, variant]) => ({
      family: variant === 'gpu' ? 'Amazon Linux 2 (gpu)' : 'Amazon Linux 2',
      parameter: (minor) =>
        `${optimized}/${minor}/amazon-linux-2${variant ? `-${variant}` : ''}/recommended/image_id`,
    }),
  },
  {
    name: /^bottlerocket-aws-k8s-\d+\.\d+((?:-nvidia)?(?:-fips)?)-(x86_64|aarch64)-v\d/,
    of: ([, flavor = '', architecture]) => ({
      family: `Bottlerocket${flavor ? ` (${flavor.slice(1)})` : ''}`,
      parameter: (minor) =>
        `/aws/service/bottlerocket/aws-k8s-${minor}${flavor}/${architecture === 'aarch64' ? 'arm64' : architecture}/latest/image_id`,
    }),
  },
];

/** Undefined for every other image, also for one of the account's own that has such a name. */
export function publishedAs(image: Pick<MachineImage, 'name' | 'amazons'>): Published | undefined {
  if (!image.amazons) return undefined;
  for (const { name, of } of published) {
    const found = name.exec(image.name);
    if (found) return of(found);
  }
  return undefined;
}
