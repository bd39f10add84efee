import type { TemplateChoice } from './ports.ts';

/** A machine image as EC2 describes it. */
export interface MachineImage {
  id: string;
  name: string;
  /** As EC2 names it, for example `x86_64` or `arm64`. */
  architecture: string;
  /** Only an `available` one can be launched. */
  state: string;
  /** Owned by Amazon: anybody may give an image of their own the name of another's. */
  amazons: boolean;
}

export interface TemplateVersion {
  version: string;
  description: string;
}

/** Images, and copies of what groups launch from: the part of the AWS port that gives a group another image. */
export interface LaunchImages {
  /** Ids that EC2 does not know, or that this account may not see, are left out. */
  images(ids: readonly string[]): Promise<MachineImage[]>;
  /** The value of an SSM parameter; undefined when there is none of this name. */
  parameter(name: string): Promise<string | undefined>;
  /** Every version that the template has, in the order of their numbers. */
  templateVersions(templateId: string): Promise<TemplateVersion[]>;
  /** CreateLaunchTemplateVersion: as the source, with this image. Returns its number. `$Latest` means it from then on. */
  copyTemplate(source: TemplateChoice, change: { imageId: string; description: string }): Promise<string>;
  /** DeleteLaunchTemplateVersions; true also when it is gone already. */
  removeTemplateVersion(templateId: string, version: string): Promise<void>;
  /** CreateLaunchConfiguration: as the source, with this name and image. Nothing happens when that is there already. */
  copyConfiguration(source: string, copy: { name: string; imageId: string }): Promise<void>;
  /** DeleteLaunchConfiguration; also when it is gone already. */
  removeConfiguration(name: string): Promise<void>;
  /** Names of all groups of the account and region that follow `$Latest` of this template. */
  followersOfLatest(templateId: string): Promise<string[]>;
}
