import type { Clock } from '../../../src/clock.ts';
import { inProcessAws } from '../../../src/rehearsal/aws/in-process.ts';
import type { AwsWorld } from '../../../src/rehearsal/aws/world.ts';
import { countedAws, type Requests, requestMs } from '../count.ts';
import type { PeerAws } from './world.ts';

/** The account as a peer calls it, with every call counted. */
export function peerAws(world: AwsWorld, clock: Clock, requests: Requests): PeerAws {
  const asked = async (what: string) => {
    requests.add(what);
    await clock.sleep(requestMs.aws);
  };
  return {
    ...countedAws(inProcessAws(world), clock, requests),
    async tag(group, tags) {
      await asked('CreateOrUpdateTags');
      for (const [key, value] of Object.entries(tags)) world.group(group).tags.set(key, value);
    },
    async untag(group, keys) {
      await asked('DeleteTags');
      for (const key of keys) world.group(group).tags.delete(key);
    },
    async detach(id) {
      await asked('DetachInstances');
      world.detach(id);
    },
    async enterStandby(ids) {
      await asked('EnterStandby');
      for (const id of ids) world.enterStandby(id);
    },
    async terminateInEc2(id) {
      await asked('TerminateInstances');
      world.terminateInEc2(id);
    },
  };
}
