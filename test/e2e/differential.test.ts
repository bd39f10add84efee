import { expect, test } from '@jest/globals';
import { weightlessRuntime } from '../../src/rehearsal/kubelet/runtime.ts';
import type { PlayedCluster } from '../contract/differential/cluster.ts';
import { embeddedCluster } from '../contract/differential/embedded.ts';
import { playMany } from '../contract/differential/play-many.ts';
import { emptyCluster, release } from './cluster.ts';

const worlds = 200;
const parallel = 32;
/** Wall time: real controllers are done within a second; a scheduler may back off for ten, and then try once more. */
const patience = { pollMs: 250, quietMs: 1000, hopefulMs: 15_000, limitMs: 90_000 };

test(`${worlds} random worlds come to the same end on Kubernetes ${release.kubernetes} and embedded`, async () => {
  const { cluster, boot, halt, close } = await emptyCluster(weightlessRuntime);
  const { kubernetes, store } = cluster;
  const real: PlayedCluster = {
    // So many worlds that ask all the time would keep the API server busy with nothing else; the mirror knows as much.
    kubernetes: {
      ...kubernetes,
      list: async (resource, query) => ({ items: store.list(resource, query), resourceVersion: '0' }),
    },
    boot,
    halt: (instanceId) => halt(instanceId, true),
    pause: (ms) => cluster.clock.sleep(ms),
  };
  const embedded = embeddedCluster(1, release.kubernetes);
  try {
    const seeds = Array.from({ length: worlds }, (_, i) => i + 1);
    const verdicts = await playMany({ a: embedded, b: real }, seeds, parallel, { patience: { b: patience } });
    expect(verdicts.filter((v) => v.faults.length > 0)).toEqual([]);
  } finally {
    await embedded.stop();
    await close();
  }
}, 900_000);
