import { rfc3339 } from '../cluster/times.ts';
import { messageOf } from '../text.ts';
import type { Context } from './context.ts';

/** Where Events about objects without a namespace are kept. */
const namespace = 'default';

/**
 * Leaves an Event on each node, so that `kubectl describe node` says what happens to it. A cluster that does not let us write
 * Events is told once, and rolled all the same.
 */
export async function tellNodes(
  context: Pick<Context, 'kubernetes' | 'clock' | 'signal' | 'say'>,
  nodes: readonly string[],
  reason: 'RollingDrain' | 'RollingTerminate',
  message: string,
): Promise<void> {
  const { kubernetes, clock, signal, say } = context;
  const at = rfc3339(clock.now());
  for (const name of nodes) {
    try {
      await kubernetes.create('events', {
        metadata: { name: '', generateName: `${name}.`, namespace },
        // Node events are looked up by name as well as by UID; kubelets use the name.
        involvedObject: { kind: 'Node', name, uid: name },
        reason,
        message,
        type: 'Normal',
        count: 1,
        firstTimestamp: at,
        lastTimestamp: at,
        source: { component: 'eks-rolling' },
      });
    } catch (error) {
      signal.throwIfAborted();
      say(`No Event could be left on node ${name}: ${messageOf(error)}`);
      return;
    }
  }
}
