/**
 * Whether another wave ends in time, if it lasts as long as the longest so far. The first one may always begin while there
 * is time at all: nothing is known about it.
 */
export const fits = (now: number, longestWaveMs: number, deadline: number): boolean =>
  now < deadline && now + longestWaveMs <= deadline;
