import type { Image } from './image.ts';
import { queueConsumer } from './queue-consumer.ts';
import { redis } from './redis.ts';
import { sentinel } from './sentinel.ts';
import { web } from './web.ts';

export type { Discovery } from './image.ts';

/** The images that become processes; every other image is weightless. */
export const images: Readonly<Record<string, Image>> = {
  web,
  'queue-consumer': queueConsumer,
  redis,
  sentinel,
};
