import type { Member } from '../cluster/members.ts';
import { names } from '../text.ts';

/** What a person does about instances in service that are no nodes: no rotation can wait for them, and none is their owner. */
export function aboutUnjoined(members: readonly Member[]): string {
  const ids = members.filter((m) => m.lifecycle === 'InService' && !m.node).map((m) => m.instanceId);
  const [id] = ids;
  if (!id) return '';
  return (
    `Look at why ${names(ids)} did not join: aws ec2 get-console-output --latest --instance-id ${id}. ` +
    `One that is still there afterwards and never will join is replaced by its group: aws autoscaling terminate-instance-in-auto-scaling-group --no-should-decrement-desired-capacity --instance-id ${id}`
  );
}
