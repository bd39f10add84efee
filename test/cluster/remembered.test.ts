import { expect, test } from '@jest/globals';
import type { Aws, Instance } from '../../src/cluster/ports.ts';
import { remembering } from '../../src/cluster/remembered.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';

function counted() {
  const asked: string[] = [];
  const clock = new VirtualClock();
  let state: Instance['state'] = 'pending';
  const aws: Partial<Aws> = {
    async groups() {
      asked.push('groups');
      return [];
    },
    async instances(ids) {
      if (ids.length > 0) asked.push(`instances ${ids.join(' ')}`);
      return ids.map((id) => ({ id, state }) as Instance);
    },
    async activities() {
      asked.push('activities');
      return [];
    },
    async terminate(id) {
      asked.push(`terminate ${id}`);
    },
  };
  return {
    asked,
    clock,
    aws: remembering(aws as Aws, clock),
    run: () => {
      state = 'running';
    },
  };
}
const select = { names: ['general'] };

test('groups are asked for again after 15 seconds', async () => {
  const { aws, asked, clock } = counted();
  for (let second = 0; second < 30; second++) {
    await aws.groups(select);
    await clock.advance(1000);
  }
  expect(asked).toEqual(['groups', 'groups']);
});

test('groups are asked for again when more is known from elsewhere, at most every 3 seconds', async () => {
  const { aws, asked, clock } = counted();
  for (let second = 0; second < 6; second++) {
    await aws.groups(select, { asOf: `${second} nodes` });
    await clock.advance(1000);
  }
  expect(asked).toEqual(['groups', 'groups']);
});

test('groups are asked for at once when they must be fresh, and after every change', async () => {
  const { aws, asked } = counted();
  await aws.groups(select);
  await aws.groups(select, { fresh: true });
  await aws.terminate('i-1', { decrement: true });
  await aws.groups(select);
  expect(asked).toEqual(['groups', 'groups', 'terminate i-1', 'groups']);
});

test('an instance that runs is asked for once, a pending one every three seconds until it runs', async () => {
  const { aws, asked, run, clock } = counted();
  await aws.instances(['i-1']);
  run();
  await clock.advance(1000);
  expect(await aws.instances(['i-1'])).toHaveLength(1);
  expect(asked).toEqual(['instances i-1']);
  await clock.advance(2000);
  await aws.instances(['i-1', 'i-2']);
  expect(await aws.instances(['i-1', 'i-2'])).toHaveLength(2);
  expect(asked).toEqual(['instances i-1', 'instances i-1 i-2']);
});

test('an answer that failed is not remembered', async () => {
  const clock = new VirtualClock();
  let failures = 1;
  const aws = remembering(
    {
      groups: async () => {
        if (failures-- > 0) throw new Error('Throttling');
        return [];
      },
    } as unknown as Aws,
    clock,
  );
  await expect(aws.groups(select)).rejects.toThrow('Throttling');
  expect(await aws.groups(select)).toEqual([]);
});
