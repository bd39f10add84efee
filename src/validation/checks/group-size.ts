import { suspendedNeeds } from '../../rotation/suspended.ts';
import { type Check, type Finding, failed } from '../check.ts';

/** The groups have the size they want, can launch and terminate, and nobody else is replacing their instances. */
export const groupSize: Check = {
  id: 'group-size',
  title: 'Groups have their size',
  phases: ['preflight', 'postflight'],
  needs: ['groups', 'refreshing'],
  run: ({ groups, refreshing }) =>
    groups.flatMap((group): Finding[] => {
      const about = `Group ${group.name}`;
      const inService = group.instances.filter((i) => i.lifecycle === 'InService').length;
      const suspended = suspendedNeeds(group);
      return [
        ...(inService === group.desired
          ? []
          : [
              failed(
                about,
                `${inService} instances are in service, ${group.desired} are desired. Wait, or look at its scaling activities.`,
              ),
            ]),
        ...(suspended.length > 0
          ? [failed(about, `${suspended.join(' and ')} suspended, so no node can be replaced. Resume them.`)]
          : []),
        ...(refreshing.includes(group.name)
          ? [failed(about, 'An instance refresh is running. Wait until it has ended, or cancel it.')]
          : []),
      ];
    }),
};
