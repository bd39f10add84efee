import { type Image, ownProgram } from './image.ts';

/** A worker that takes jobs from a queue and finishes the one in hand before it leaves. */
export const queueConsumer: Image = {
  command: async ({ pod }) => ownProgram(import.meta.url, 'queue-worker', { POD_NAME: pod.metadata.name }),
};
