import type { EmbeddedInstance } from '../aws/state.ts';
import type { Scene } from '../faults/fault.ts';

const firstMs = { from: 10_000, to: 300_000 };

/** Once, at a moment of the dice, something befalls an instance in service of the dice's choice. */
export function strikeOnce(scene: Scene, strike: (instance: EmbeddedInstance) => void): void {
  const { clock, aws, random, factor } = scene;
  clock.after(random.between(firstMs.from, firstMs.to) / factor, () => {
    const standing = [...aws.instances.values()].filter((i) => i.lifecycle === 'InService');
    if (!scene.over() && standing.length > 0) strike(random.pick(standing));
  });
}
