import { apiErrors } from './api-errors.ts';
import { apiRestart } from './api-restart.ts';
import { conflicts } from './conflicts.ts';
import type { Fault } from './fault.ts';
import { fullZone } from './full-zone.ts';
import { lateJoins } from './late-joins.ts';
import { neverJoins } from './never-joins.ts';
import { noCapacity } from './no-capacity.ts';
import { nodeDeleted } from './node-deleted.ts';
import { pdbNeverAllows } from './pdb-never-allows.ts';
import { slowImages } from './slow-images.ts';
import { spotInterruption } from './spot-interruption.ts';
import { staleAnswers } from './stale-answers.ts';
import { stuckHook } from './stuck-hook.ts';
import { stuckPod } from './stuck-pod.ts';
import { throttling } from './throttling.ts';
import { unhealthyInstance } from './unhealthy-instance.ts';
import { watchLoss } from './watch-loss.ts';
import { webhookDenies } from './webhook-denies.ts';
import { webhookFails } from './webhook-fails.ts';

/** Every fault that a rotation hides from the services, or stops for; a new one is a file and a line here. */
export const faults: readonly Fault[] = [
  neverJoins,
  lateJoins,
  noCapacity,
  fullZone,
  throttling,
  staleAnswers,
  stuckHook,
  apiErrors,
  apiRestart,
  conflicts,
  watchLoss,
  webhookDenies,
  webhookFails,
  pdbNeverAllows,
  stuckPod,
  slowImages,
];

/** Those that destroy pods themselves: what was on its way to these fails, and nobody could help it. Only chaos has them. */
export const destroyingFaults: readonly Fault[] = [spotInterruption, unhealthyInstance, nodeDeleted];
