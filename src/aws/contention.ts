import type { Clock } from '../clock.ts';
import { calling, isAwsError } from './errors.ts';

/** A scaling activity blocks others for a moment; asking again is what AWS advises. */
const attempts = 6;
const pauseMs = 2000;
/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html and the errors of each call. */
const contentions = ['ScalingActivityInProgress', 'ResourceContention'];

/** Runs a call that changes a group; while another activity holds the group, again. */
export async function patiently<T>(clock: Clock, operation: string, call: () => Promise<T>): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await calling(operation, call);
    } catch (error) {
      if (n >= attempts || !contentions.some((code) => isAwsError(error, code))) throw error;
      await clock.sleep(pauseMs);
    }
  }
}
