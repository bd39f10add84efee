import { sameSource } from '../cluster/launch-choices.ts';
import type { LaunchSource } from '../cluster/ports.ts';
import { names } from '../text.ts';
import { waitUntil } from '../wait.ts';
import type { Context } from './context.ts';

/** How long AWS has to say the same: what it answers may be some seconds old, a newer answer followed by an older one. */
const steadyMs = 10_000;
const pollMs = 2000;

/**
 * Waits until AWS describes these groups, every time it is asked, as launching from this. By an answer from before, new nodes
 * would be outdated and old ones current, and the old ones would be those that stay.
 * @throws WaitTimeout (node-timeout).
 */
export async function untilDescribed(
  { aws, clock, signal, settings, say }: Context,
  sources: ReadonlyMap<string, LaunchSource>,
): Promise<void> {
  let since: number | undefined;
  await waitUntil(
    async () => {
      const behind: string[] = [];
      for (const [group, source] of sources)
        if (!sameSource(await aws.launchSource(group), source)) behind.push(group);
      since = behind.length > 0 ? undefined : (since ?? clock.now());
      if (since !== undefined && clock.now() - since >= steadyMs) return { done: true };
      return {
        waiting:
          behind.length > 0
            ? `it still describes what ${names(behind)} launched before`
            : 'it says so, and another answer may be older',
      };
    },
    {
      what: `AWS to describe what ${names([...sources.keys()])} launches now`,
      timeoutName: 'node-timeout',
      timeoutMs: settings.timeouts.node,
      pollMs,
      say,
      clock,
      signal,
    },
  );
}
