import { type Check, warning } from '../check.ts';

/** Every zone of a group has a subnet with free addresses: a replacement there would fail to launch. */
export const groupZones: Check = {
  id: 'group-zones',
  title: 'Zones have free addresses',
  phases: ['preflight'],
  needs: ['groups'],
  run: ({ groups }) =>
    groups.flatMap((group) =>
      group.zones
        .filter((zone) => group.subnets.filter((s) => s.zone === zone).every((s) => s.freeAddresses < 1))
        .map((zone) => {
          const subnets = group.subnets.filter((s) => s.zone === zone).map((s) => s.id);
          const found =
            subnets.length > 0
              ? `${subnets.join(', ')} have no free address`
              : 'the group has no subnet there';
          return warning(
            `Group ${group.name} in ${zone}`,
            `${found}, so no node can be launched there. Free some, or add a subnet.`,
          );
        }),
    ),
};
