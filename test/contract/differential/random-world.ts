import type { Machine } from '../../../src/rehearsal/world/machine.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';
import { chance, dice } from './dice.ts';
import { randomBudgets } from './random-budgets.ts';
import { randomWorkloads } from './random-workloads.ts';
import { dedicated, type World } from './world.ts';

const slots = ['a', 'b', 'c', 'd'];

export function randomWorld(seed: number): World {
  const random = new Random(seed * 7919 + 17);
  const name = `world-${seed}`;
  const machines = randomMachines(random, name);
  const workloads = randomWorkloads(random, name, machines);
  const crowded = workloads.find((w) => w.placement.how === 'filling' && w.placement.by === 'pods');
  if (crowded) for (const machine of machines) machine.allocatable.pods = String(1 + dice(random, 3));
  return { seed, name, machines, workloads, budgets: randomBudgets(random, name, workloads) };
}

function randomMachines(random: Random, world: string): Machine[] {
  const zoned = chance(random, 0.5);
  return slots.slice(0, 2 + dice(random, 3)).map((slot, i) => ({
    instanceId: `i-${random.hex(17)}`,
    zone: `eu-west-1${zoned ? slot : random.pick(['a', 'b'])}`,
    region: 'eu-west-1',
    group: 'worlds',
    imageId: 'ami-0',
    instanceType: 'm7g.large',
    privateDnsName: `${world}-${slot}`,
    privateIp: `10.${100 + dice(random, 100)}.${dice(random, 250)}.${10 + dice(random, 200)}`,
    allocatable: { cpu: String(1 + dice(random, 3)), memory: '8Gi', pods: '110' },
    labels: { world, slot },
    taints: i > 0 && chance(random, 0.2) ? [dedicated] : [],
  }));
}
