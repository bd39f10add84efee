import { describe, expect, test } from '@jest/globals';
import { startDaemonSets } from '../../../src/rehearsal/controllers/daemonset.ts';
import { createStore } from '../../../src/rehearsal/kubernetes/memory-store.ts';
import { VirtualClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';

/** The status of a DaemonSet whose only node, with a pod on it, was tainted. */
async function statusAfterTaint(minor: number) {
  const clock = new VirtualClock();
  const store = createStore({ clock, random: new Random(1) });
  const cloud = { instanceExists: () => true, onGone: () => {} };
  const stop = startDaemonSets({ store, clock, random: new Random(2), cloud, minor });
  store.create('nodes', { metadata: { name: 'n' }, spec: {} });
  const template = { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { selector: { matchLabels: { app: 'd' } }, template };
  store.create('daemonsets', { metadata: { namespace: 'default', name: 'd' }, spec });
  await clock.advance(1000);
  for (const pod of store.list('pods'))
    store.modify('pods', pod.metadata, (draft) => {
      draft.spec.nodeName = 'n';
    });
  await clock.advance(1000);
  store.modify('nodes', { name: 'n' }, (node) => {
    node.spec.taints = [{ key: 'example.com/old', effect: 'NoSchedule' }];
  });
  await clock.advance(1000);
  stop();
  return store.get('daemonsets', { namespace: 'default', name: 'd' })?.status;
}

describe('a pod of a DaemonSet that may stay on a tainted node', () => {
  test('counts as misscheduled at once before Kubernetes 1.33', async () => {
    expect(await statusAfterTaint(32)).toMatchObject({ desiredNumberScheduled: 0, numberMisscheduled: 1 });
  });

  test('is not looked at since, until something else makes the controller look', async () => {
    expect(await statusAfterTaint(33)).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 0 });
  });
});
