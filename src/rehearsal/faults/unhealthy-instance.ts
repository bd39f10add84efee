import { strikeOnce } from '../faulty/strike.ts';
import type { Fault } from './fault.ts';

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html: terminated at once, then replaced. */
export const unhealthyInstance: Fault = {
  name: 'unhealthy-instance',
  what: 'a status check fails, and the group replaces the instance itself',
  happens(scene) {
    strikeOnce(scene, ({ id }) => {
      scene.destroys(id);
      scene.aws.markUnhealthy(id);
    });
  },
  explained: { byWords: [], conclusion: 'success' },
};
