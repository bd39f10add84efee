import { instanceIdOf } from '../../cluster/members.ts';
import type { Fault } from './fault.ts';

const lookMs = 500;
const afterMs = { from: 0, to: 6000 };

/** Somebody deletes the Node object of a node that is being drained; its kubelet registers it again, as new as on its first day. */
export const nodeDeleted: Fault = {
  name: 'node-deleted',
  what: 'somebody deletes the Node object of a node that is being drained',
  happens(scene) {
    const { clock, store, random, destroys } = scene;
    const waves = Math.floor(random.between(1, 4));
    const seen = new Set<string>();
    const look = () => {
      if (scene.over()) return;
      const draining = store
        .list('nodes')
        .filter((n) => n.spec.taints?.some((t) => t.key === 'eks-rolling' && t.effect === 'NoSchedule'));
      for (const { metadata } of draining) seen.add(metadata.name);
      const [node] = draining;
      if (!node || seen.size < waves) return void clock.after(lookMs, look);
      clock.after(random.between(afterMs.from, afterMs.to), () => {
        const present = store.get('nodes', { name: node.metadata.name });
        if (!present) return;
        destroys(instanceIdOf(present) ?? '');
        store.remove('nodes', { name: node.metadata.name });
      });
    };
    look();
  },
  explained: { byWords: [], conclusion: 'success' },
};
