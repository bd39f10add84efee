import { choicesOf, withChoices } from '../cluster/launch-choices.ts';
import type { Group, LaunchSource, LaunchTarget } from '../cluster/ports.ts';
import type { Ran } from './plan.ts';

/**
 * What a group has to launch from for new instances to be what its old ones were: the same source with the template versions
 * that most of them ran, for each instance type that has a template of its own. What no old instance tells of stays.
 */
export function sourceOf(ran: readonly Ran[], present: LaunchSource): LaunchSource {
  const [most] = ran;
  if (!most) return present;
  if (most.launchConfiguration) return { kind: 'configuration', name: most.launchConfiguration };
  if (!most.template) return present;
  const choice = ({ template }: Ran) =>
    template && { LaunchTemplateId: template.id, Version: template.version };
  if (present.kind !== 'mixed') {
    const template = choice(most);
    return template ? { kind: 'template', template } : present;
  }
  const overrides = (present.policy.LaunchTemplate.Overrides ?? []).filter(
    (o) => o.LaunchTemplateSpecification,
  );
  const types = overrides.map((o) => o.InstanceType);
  const [base, ...own] = choicesOf(present);
  const ofBase = ran.find((r) => !r.instanceTypes.every((type) => types.includes(type)));
  const choices = [
    (ofBase && choice(ofBase)) ?? base,
    ...own.map((present, i) => {
      const ofType = ran.find((r) => r.instanceTypes.includes(String(types[i])));
      return (ofType && choice(ofType)) ?? present;
    }),
  ];
  return withChoices(
    present,
    choices.flatMap((c) => c ?? []),
  );
}

/** Whether a group that launches this makes members like one of those: same configuration or template version, same image. */
export const makesAgain = (
  { target, overrides = [] }: Pick<Group, 'target' | 'overrides'>,
  ran: Ran,
): boolean =>
  [target, ...overrides.map((o) => o.target)].some(
    (t) =>
      t.imageId === ran.imageId &&
      (t.launchConfiguration
        ? t.launchConfiguration === ran.launchConfiguration
        : t.template?.id === ran.template?.id && t.template?.version === ran.template?.version),
  );

/** A launch template version or launch configuration, for people. */
export const wordsOf = ({
  template,
  launchConfiguration,
}: Pick<LaunchTarget, 'template' | 'launchConfiguration'>): string =>
  template
    ? `version ${template.version} of launch template ${template.name || template.id}`
    : `launch configuration ${launchConfiguration}`;

/** The command that points a group at a source. */
export function commandFor(group: string, source: LaunchSource): string {
  const what =
    source.kind === 'configuration'
      ? `--launch-configuration-name ${source.name}`
      : source.kind === 'template'
        ? `--launch-template 'LaunchTemplateId=${source.template.LaunchTemplateId},Version=${source.template.Version}'`
        : `--mixed-instances-policy '${JSON.stringify(source.policy)}'`;
  return `aws autoscaling update-auto-scaling-group --auto-scaling-group-name ${group} ${what}`;
}
