import type { Clock } from '../../src/clock.ts';
import { inProcessAws } from '../../src/rehearsal/aws/in-process.ts';
import { inProcessKubernetes } from '../../src/rehearsal/kubernetes/in-process.ts';
import { Random } from '../../src/rehearsal/world/random.ts';
import { type Facts, lowerBoundMs } from './bound.ts';
import { countedAws, countedKubernetes, Requests } from './count.ts';
import { type Observed, observe } from './observer.ts';
import { rotateWithThisSuite } from './ours.ts';
import { peerAws } from './peers/aws.ts';
import type { Peer } from './peers/world.ts';
import { groupName, type Stage, type StageOptions, setStage } from './stage.ts';

/** One rotation, seen from outside. */
export interface Result extends Observed {
  name: string;
  nodes: number;
  wallMs: number;
  /** Per replaced node. */
  kubernetesRequests: number;
  awsRequests: number;
  boundMs: number;
  /** What it ended with, when that was not its end. */
  failure: string;
  /** What was asked most. */
  asked: { kubernetes: [string, number][]; aws: [string, number][] };
}

export interface Contestant {
  name: string;
  canary: boolean;
  run(stage: Stage, requests: { kubernetes: Requests; aws: Requests }): Promise<void>;
}

const clockOf = ({ clock }: Stage): Clock => clock;

/** @param maxSurge nodes that may be added at once */
export const thisSuite = (
  maxSurge: number,
  inputs: Record<string, string>,
  say: (line: string) => void,
): Contestant => ({
  name: 'this suite',
  canary: inputs.canary !== 'false',
  async run(stage, requests) {
    const clock = clockOf(stage);
    const ports = {
      clock,
      kubernetes: countedKubernetes(inProcessKubernetes(stage.cluster.registry), clock, requests.kubernetes),
      aws: countedAws(inProcessAws(stage.cluster.aws), clock, requests.aws),
    };
    const began = clock.now();
    await rotateWithThisSuite(ports, { ...inputs, 'max-surge': String(maxSurge) }, (line) =>
      say(`${((clock.now() - began) / 1000).toFixed(1).padStart(8)} ${line}`),
    );
  },
});

export const model = (peer: Peer, atOnce: number, seed: number, say: (line: string) => void): Contestant => ({
  name: peer.name,
  canary: false,
  async run(stage, requests) {
    const clock = clockOf(stage);
    await peer.run({
      kubernetes: countedKubernetes(inProcessKubernetes(stage.cluster.registry), clock, requests.kubernetes),
      aws: peerAws(stage.cluster.aws, clock, requests.aws),
      clock,
      random: new Random(seed),
      group: groupName,
      atOnce,
      say,
    });
  },
});

/** Nothing here may take longer than this. */
const limitMs = 14 * 86_400_000;

/** Lets the contestant rotate a stage of its own, the same for each seed. */
export async function play(contestant: Contestant, options: StageOptions): Promise<Result> {
  const stage = await setStage(options);
  const { clock } = stage;
  const requests = { kubernetes: new Requests(), aws: new Requests() };
  const observer = observe(stage);
  const began = clock.now();
  let failure = '';
  await clock.run(
    contestant.run(stage, requests).catch((error: Error) => {
      failure = error.message;
    }),
    limitMs,
  );
  const wallMs = clock.now() - began;
  // The last services settle, so that what the end broke is seen too.
  await clock.advance(60_000);
  const observed = observer.end();
  await stage.cluster.stop();
  const facts: Facts = {
    nodes: options.nodes,
    peak: observed.peakNodes,
    fewest: observed.fewestServing,
    readyMs: observed.readyMs.slice(0, options.nodes),
    budgets: stage.cluster.store.list('poddisruptionbudgets').map((b) => ({
      pods: b.status?.expectedPods ?? 0,
      atOnce: Math.max(1, b.status?.disruptionsAllowed ?? 1),
    })),
    canary: contestant.canary,
  };
  return {
    ...observed,
    name: contestant.name,
    nodes: options.nodes,
    wallMs,
    kubernetesRequests: requests.kubernetes.total / options.nodes,
    awsRequests: requests.aws.total / options.nodes,
    boundMs: lowerBoundMs(facts),
    failure,
    asked: { kubernetes: requests.kubernetes.entries(), aws: requests.aws.entries() },
  };
}
