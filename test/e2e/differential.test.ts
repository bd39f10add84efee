import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { weightlessRuntime } from '../../src/rehearsal/kubelet/runtime.ts';
import type { Claim } from '../../src/rehearsal/world/claim.ts';
import type { PlayedCluster } from '../contract/differential/cluster.ts';
import { embeddedCluster } from '../contract/differential/embedded.ts';
import { describedFaults, playMany } from '../contract/differential/play-many.ts';
import { emptyCluster, release } from './cluster.ts';
import { wholeMachine } from './whole-machine.ts';

const worlds = 200;
const parallel = 32;
/**
 * Wall time. Real controllers are done within a second; a scheduler may back off for ten, and then try once more. The pods of a
 * lost node are collected after 80 s at the latest (pkg/controller/podgc: every 20 s, after a quarantine of 40 s).
 */
const patience = { pollMs: 250, quietMs: 1000, hopefulMs: 20_000, limitMs: 600_000 };

const longestMs = 1_200_000;
let machine: Claim;

beforeAll(async () => {
  machine = await wholeMachine(longestMs);
}, longestMs);
afterAll(() => machine.release());

test(
  `${worlds} random worlds come to the same end on Kubernetes ${release.kubernetes} and embedded`,
  async () => {
    const acting = new Set<string>();
    const { cluster, boot, halt, close } = await emptyCluster(weightlessRuntime, {
      mayStart: ({ metadata: { namespace = '' } }) => !acting.has(namespace),
    });
    const { kubernetes, store } = cluster;
    const real: PlayedCluster = {
      // So many worlds that ask all the time would keep the API server busy with nothing else; the mirror knows as much.
      kubernetes: {
        ...kubernetes,
        list: async (resource, query) => ({ items: store.list(resource, query), resourceVersion: '0' }),
      },
      podsNow: async (namespace) => (await kubernetes.list('pods', { namespace })).items,
      async act(namespace, action) {
        acting.add(namespace);
        try {
          return await action();
        } finally {
          acting.delete(namespace);
        }
      },
      boot,
      halt: (instanceId) => halt(instanceId, true),
      pause: (ms) => cluster.clock.sleep(ms),
    };
    const embedded = embeddedCluster(1, release.kubernetes);
    try {
      const seeds = Array.from({ length: worlds }, (_, i) => i + 1);
      const verdicts = await playMany({ a: embedded, b: real }, seeds, parallel, {
        patience: { b: patience },
      });
      // Shorter than what jest would make of the verdicts, of which a reader of the log may see only the first lines.
      expect(verdicts).toHaveLength(worlds);
      const faults = describedFaults(verdicts);
      if (faults) throw new Error(faults);
    } finally {
      await embedded.stop();
      await close();
    }
  },
  longestMs,
);
