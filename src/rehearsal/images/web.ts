import { type Image, ownProgram } from './image.ts';

/** A web server that leaves politely. */
export const web: Image = {
  command: async ({ pod, address }) =>
    ownProgram(import.meta.url, 'web-server', { HOST: address, POD_NAME: pod.metadata.name }),
};
