import type { Group } from '../cluster/ports.ts';
import { count, names } from '../text.ts';
import { WaitTimeout, waitUntil } from '../wait.ts';
import type { Context } from './context.ts';
import { rebalanceWasActive } from './groups.ts';

/** On its way out, or set aside. */
const elsewhere = /^(Terminat|EnteringStandby|Standby|Detach)/;
const pollMs = 3000;

/** How many instances a group wants that AWS has not launched yet: nobody knows in which zones they will be. */
export const notLaunched = ({ desired, instances }: Pick<Group, 'desired' | 'instances'>): number =>
  Math.max(0, desired - instances.filter((i) => !elsewhere.test(i.lifecycle)).length);

/**
 * Waits until groups have launched what was terminated without a replacement beforehand, so that AZRebalance can be judged by
 * the zones that there are. Once AWS has tried in vain nobody waits any longer, and AZRebalance stays suspended.
 */
export async function untilFilled(context: Context): Promise<void> {
  const { aws, clock, signal, settings, say } = context;
  const started = clock.now();
  await waitUntil(
    async () => {
      const { select } = settings;
      const lacking = (await aws.groups(select, { fresh: true })).filter(
        (g) => notLaunched(g) > 0 && rebalanceWasActive(context, g.name),
      );
      const waiting: string[] = [];
      for (const group of lacking) {
        const tried = await aws.activities(group.name, started);
        if (!tried.some((a) => a.status === 'Failed' || a.status === 'Cancelled'))
          waiting.push(`${count(notLaunched(group), 'instance')} of ${group.name}`);
      }
      return waiting.length === 0 ? { done: true } : { waiting: names(waiting) };
    },
    {
      what: 'AWS to launch what groups still lack',
      timeoutName: 'node-timeout',
      timeoutMs: settings.timeouts.node,
      pollMs,
      say,
      clock,
      signal,
    },
  ).catch((error) => {
    if (!(error instanceof WaitTimeout)) throw error;
    say(`${error.message}. AZRebalance stays suspended there.`);
  });
}
