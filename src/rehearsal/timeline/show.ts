import { count, describeDuration } from '../../text.ts';
import type { TimelineEvent } from './events.ts';

/** One line for the log, or nothing for what only the picture shows. */
export function lineOf(event: TimelineEvent): string | undefined {
  switch (event.kind) {
    case 'node': {
      const age = event.outdated ? 'old' : 'new';
      if (event.change === 'joined') return undefined;
      return `node   ${event.change === 'ready' ? '+' : '-'} ${event.node} (${event.group}, ${event.zone}, ${age} image) ${event.change}`;
    }
    case 'taint':
      return event.change === 'added' && event.effect === 'NoSchedule'
        ? `taint  ${event.node} takes no new pods`
        : undefined;
    case 'pod':
      return event.watched && event.change !== 'gone' && event.node
        ? `pod    ${event.pod} ${event.change === 'ready' ? 'ready on' : 'leaving'} ${event.node}`
        : undefined;
    case 'budget':
      return event.allowed === 0 ? `budget ${event.budget} allows no eviction now` : undefined;
    case 'refused':
      return undefined;
    case 'redis':
      return `redis  ${event.topology}: ${event.text}`;
    case 'traffic':
      return `traffic ${count(event.requests, 'request')}, ${event.failed} failed; ${count(event.jobs, 'job')} done; ${count(event.writes, 'Redis write')} acknowledged`;
    case 'step':
      return event.change === 'started'
        ? `== ${event.job}: ${event.step}`
        : `== ${event.job}: ${event.step}: ${event.conclusion} after ${describeDuration((event.seconds ?? 0) * 1000)}`;
    case 'log':
      return `   | ${event.text}`;
  }
}

/** `01:23.4` since the start. */
export function stamp(ms: number): string {
  const minutes = String(Math.floor(ms / 60_000)).padStart(2, '0');
  return `${minutes}:${((ms % 60_000) / 1000).toFixed(1).padStart(4, '0')}`;
}
