import { describe, expect, test } from '@jest/globals';
import { suspendedNeeds } from '../../src/rotation/suspended.ts';
import { group } from './objects.ts';
import { runEngine, shopWorld, startEngine } from './world.ts';

describe('processes of a group that somebody has suspended', () => {
  test('stand in the way when a rotation needs them', () => {
    const suspended = ['AddToLoadBalancer', 'AlarmNotification', 'AZRebalance', 'Launch', 'Terminate'];
    expect(suspendedNeeds(group({ suspended }))).toEqual(['Launch', 'Terminate']);
    expect(suspendedNeeds(group({ suspended, targetGroups: ['web'] }))).toEqual([
      'AddToLoadBalancer',
      'Launch',
      'Terminate',
    ]);
    // What leaves for another group launches nothing any more.
    expect(suspendedNeeds(group({ suspended, name: 'blue' }), 'green')).toEqual(['Terminate']);
    expect(suspendedNeeds(group({ suspended: ['AZRebalance', 'ReplaceUnhealthy'] }))).toEqual([]);
  });

  test.each(['plan', 'all'])('are refused by phase %s, with who resumes them', async (phase) => {
    const world = await shopWorld({
      released: ({ aws }) => {
        aws.suspend('shop-general', ['Launch', 'Terminate'], true);
        aws.suspend('shop-data', ['Terminate'], true);
      },
    });
    const { failure } = await runEngine(world, { phase });
    expect(failure).toContain('Suspended: Launch and Terminate of shop-general; Terminate of shop-data.');
    expect(failure).toContain(
      'aws autoscaling resume-processes --auto-scaling-group-name shop-general --scaling-processes Launch Terminate',
    );
    expect(world.outdated()).toHaveLength(7);
    expect(world.changed()).toEqual([]);
  });

  test('stop a rotation before its next wave, and it goes on when they are resumed', async () => {
    const world = await shopWorld({ factor: 4 });
    const engine = startEngine(world);
    const atWork = () => world.outdated().length < 7;
    for (let n = 0; !atWork() && n < 2000; n++) await world.clock.advance(500);
    const { aws } = world.cluster;
    aws.suspend('shop-general', ['Launch'], true);
    expect(await world.clock.run(engine.ended)).toContain('Suspended: Launch of shop-general.');
    aws.suspend('shop-general', ['Launch'], false);
    const again = await runEngine(world);
    expect([again.failure, again.outputs.verdict, world.outdated()]).toEqual(['', 'completed', []]);
    expect(world.changed()).toEqual([]);
  });
});
