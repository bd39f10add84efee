import type { Result } from './run.ts';

/** A model of a peer beside this suite at the same peak of nodes. */
export interface Pair {
  peer: Result;
  ours: Result;
  /** With as few serving nodes as the peer had, where it went on with fewer than before. */
  asFew?: Result | undefined;
}

/** The bounds of a good rotation, as the checks print them. */
export const bounds = {
  wallPerBound: 1.25,
  /** Requests are bounded from this many nodes on: fewer share what a rotation costs however small it is. */
  requestsFrom: 1000,
  kubernetesRequests: (evicted: number): number => 15 + 1.5 * evicted,
  awsRequests: 8,
  planSeconds: 10,
  planRssMiB: 700,
};

const columns = [
  'tool',
  'wall',
  'per bound',
  'this suite per it',
  'peak per nodes',
  'fewest per nodes',
  'moves per pod',
  'moved again',
  'Kubernetes per node',
  'AWS per node',
  'failed per service',
];

/** One table per size: each model, and under it this suite at the same peak. */
export function table(pairs: readonly Pair[], services: number): string {
  const rows = pairs.flatMap(({ peer, ours, asFew }) => [
    ...(peer === ours ? [] : [cells(peer, services, asFew ?? ours)]),
    cells(ours, services),
    ...(asFew ? [cells(asFew, services)] : []),
  ]);
  return [
    `| ${columns.join(' | ')} |`,
    `|${columns.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}

function cells(result: Result, services: number, ours?: Result): string[] {
  const again = Object.entries(result.movedAgain).filter(([, n]) => n > 0);
  return [
    result.failure ? `${result.name} (failed)` : result.name,
    clock(result.wallMs),
    (result.wallMs / result.boundMs).toFixed(2),
    ours ? (ours.wallMs / result.wallMs).toFixed(2) : '',
    (result.peakNodes / result.nodes).toFixed(2),
    (result.fewestServing / result.nodes).toFixed(2),
    result.movesPerPod.toFixed(2),
    again.map(([cause, n]) => `${n} ${cause}`).join(', ') || '0',
    result.kubernetesRequests.toFixed(0),
    result.awsRequests.toFixed(1),
    (result.failedRequests / services).toFixed(2),
  ];
}

const clock = (ms: number): string => {
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}`;
};

export interface Check {
  what: string;
  passed: boolean;
}

/** What the rotation of this suite is held to, beside one peer. */
export function checksOf({ peer, ours, asFew }: Pair): Check[] {
  if (asFew) return [...checksOf({ peer: ours, ours }), ...soundChecks(asFew), besides(peer, asFew)];
  const at = atPeak(ours);
  const evictedPerNode = ours.evicted / ours.nodes;
  const kubernetes = bounds.kubernetesRequests(evictedPerNode);
  const ratio = ours.wallMs / ours.boundMs;
  return [
    ...soundChecks(ours),
    {
      what: `${at}: wall time ${ratio.toFixed(2)} of the lower bound, ${bounds.wallPerBound} allowed`,
      passed: ratio <= bounds.wallPerBound,
    },
    ...(ours.nodes >= bounds.requestsFrom
      ? [
          {
            what: `${at}: ${ours.kubernetesRequests.toFixed(1)} Kubernetes requests per node, ${kubernetes.toFixed(1)} allowed`,
            passed: ours.kubernetesRequests <= kubernetes,
          },
          {
            what: `${at}: ${ours.awsRequests.toFixed(1)} AWS requests per node, ${bounds.awsRequests} allowed`,
            passed: ours.awsRequests <= bounds.awsRequests,
          },
        ]
      : []),
    ...(peer === ours ? [] : [besides(peer, ours)]),
  ];
}

const atPeak = ({ nodes, peakNodes, fewestServing }: Result): string =>
  `${nodes} nodes, peak ${peakNodes}${fewestServing < nodes ? `, no fewer than ${fewestServing}` : ''}`;

/** It ended, nobody noticed, and no pod moved twice. */
function soundChecks(ours: Result): Check[] {
  const at = atPeak(ours);
  // A spare replica that goes again has moved nothing.
  const again = ours.movedAgain['onto an old node'] + ours.movedAgain['new node removed'];
  return [
    {
      what: `${at}: completed${ours.failure ? `: ${ours.failure}` : ''}`,
      passed: ours.failure === '',
    },
    {
      what: `${at}: ${ours.failedRequests.toFixed(0)} failed requests, 0 allowed`,
      passed: ours.failedRequests === 0,
    },
    {
      what: `${at}: ${again} pods moved more than once, 0 allowed`,
      passed: again === 0,
    },
  ];
}

const besides = (peer: Result, ours: Result): Check => ({
  what: `${atPeak(ours)}: wall time ${(ours.wallMs / peer.wallMs).toFixed(2)} of ${peer.name}`,
  passed:
    ours.wallMs < peer.wallMs &&
    ours.peakNodes <= peer.peakNodes &&
    ours.fewestServing >= Math.min(peer.fewestServing, ours.nodes),
});

export const line = ({ what, passed }: Check): string => `${passed ? 'PASS' : 'FAIL'} ${what}`;
