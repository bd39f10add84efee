import { strikeOnce } from '../faulty/strike.ts';
import type { Fault } from './fault.ts';

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html */
const noticeMs = 120_000;

/** EC2 takes an instance back, two minutes after a notice that nobody heeds. */
export const spotInterruption: Fault = {
  name: 'spot-interruption',
  what: 'EC2 takes one instance back, whatever runs on it',
  happens(scene) {
    const { clock, aws, factor, destroys } = scene;
    strikeOnce(scene, ({ id }) => {
      clock.after(noticeMs / factor, () => {
        if (scene.over() || aws.instances.get(id)?.lifecycle !== 'InService') return;
        destroys(id);
        aws.pullThePlug(id);
      });
    });
  },
  explained: { byWords: [], conclusion: 'success' },
};
