import type { LaunchSource, TemplateChoice } from './ports.ts';

/** The templates that a source names: the one of the group first, then those of overrides that have one of their own. */
export function choicesOf(source: LaunchSource): TemplateChoice[] {
  if (source.kind === 'configuration') return [];
  if (source.kind === 'template') return [source.template];
  const { LaunchTemplateSpecification: base, Overrides = [] } = source.policy.LaunchTemplate;
  return [base, ...Overrides.flatMap((o) => o.LaunchTemplateSpecification ?? [])];
}

/** The same source with other templates, in the order of `choicesOf`. */
export function withChoices(source: LaunchSource, choices: readonly TemplateChoice[]): LaunchSource {
  const next = choices.values();
  const or = (present: TemplateChoice): TemplateChoice => next.next().value ?? present;
  if (source.kind === 'configuration') return source;
  if (source.kind === 'template') return { kind: 'template', template: or(source.template) };
  const { LaunchTemplateSpecification: base, Overrides } = source.policy.LaunchTemplate;
  const first = or(base);
  const overrides = Overrides?.map((o) =>
    o.LaunchTemplateSpecification
      ? { ...o, LaunchTemplateSpecification: or(o.LaunchTemplateSpecification) }
      : o,
  );
  return {
    kind: 'mixed',
    policy: {
      ...source.policy,
      LaunchTemplate: {
        ...source.policy.LaunchTemplate,
        LaunchTemplateSpecification: first,
        ...(overrides ? { Overrides: overrides } : {}),
      },
    },
  };
}

/** Whether two sources say the same, whatever the order of their members. */
export const sameSource = (one: LaunchSource, other: LaunchSource): boolean =>
  JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}
