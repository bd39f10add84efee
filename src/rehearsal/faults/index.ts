import { apiErrors } from './api-errors.ts';
import type { Fault } from './fault.ts';
import { fullZone } from './full-zone.ts';
import { neverJoins } from './never-joins.ts';
import { noCapacity } from './no-capacity.ts';
import { pdbNeverAllows } from './pdb-never-allows.ts';
import { slowImages } from './slow-images.ts';
import { throttling } from './throttling.ts';

/** Every fault by its name; a new one is a file and a line here. */
export const faults: readonly Fault[] = [
  neverJoins,
  noCapacity,
  apiErrors,
  throttling,
  pdbNeverAllows,
  slowImages,
  fullZone,
];
