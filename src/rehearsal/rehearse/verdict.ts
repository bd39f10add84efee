import type { WitnessReport } from '../witnesses/report.ts';

export interface Ending {
  conclusion: string;
  report: WitnessReport;
  outdatedNodes: string[];
  differences: string[];
}

export interface Line {
  good: boolean;
  text: string;
}

/** What the witnesses and the settings say, one line each. */
export function judge(ending: Ending, wanted: 'success' | 'failure'): Line[] {
  const { report } = ending;
  const lines: Line[] = [
    {
      good: ending.conclusion === wanted,
      text: `the workflow ended with ${ending.conclusion}${ending.conclusion === wanted ? '' : `, expected ${wanted}`}`,
    },
  ];
  for (const http of report.http)
    lines.push({
      good: http.failed === 0,
      text: `${http.name}: ${http.requests} requests, ${http.failed} failed`,
    });
  lines.push({
    good: report.queue.lost === 0,
    text: `orders: ${report.queue.queued} jobs queued, ${report.queue.lost} lost`,
  });
  for (const redis of report.redis) {
    lines.push({
      good: redis.lost === 0,
      text: `${redis.name}: ${redis.acknowledged} writes acknowledged, ${redis.lost} lost (longest wait ${redis.longestGapMs} ms)`,
    });
  }
  if (wanted === 'success') {
    const left = ending.outdatedNodes;
    lines.push({
      good: left.length === 0,
      text:
        left.length === 0
          ? 'every node runs the new image'
          : `${left.length} nodes run the old image: ${left.join(', ')}`,
    });
  }
  lines.push(
    ending.differences.length === 0
      ? { good: true, text: 'every setting is as before' }
      : { good: false, text: `settings left changed: ${ending.differences.join('; ')}` },
  );
  return lines;
}
