import { Histogram } from './histogram.ts';
import { type LeftOut, type Pace, type Standstill, sumLeftOut } from './standstill.ts';

export const lanes = ['fresh', 'kept-alive'] as const;
export type Lane = (typeof lanes)[number];

/** How one request ended; `at` is when it was sent. */
export interface Outcome {
  target: string;
  lane: Lane;
  at: number;
  ms: number;
  /** How much of `ms` the generator itself was late; what remains is the service's latency for certain. */
  lateMs?: number;
  /** `refused`, `reset`, `timeout`, `dns`, `tls`, `closed`, `status 503`; undefined when it was good. */
  failure?: string;
  /** It says nothing of the service: the generator itself stood still meanwhile. */
  leftOut?: true;
}

/** What happened to one target and lane in a few seconds. */
export interface Block {
  /** Seconds since the start of the recording. */
  second: number;
  requests: number;
  failures: number;
  latency: Record<string, number>;
}

export interface LaneRecord {
  target: string;
  lane: Lane;
  blocks: Block[];
  classes: Record<string, number>;
  /** Longest time without a good answer, in ms; what the generator itself stood still is no part of it. */
  longestGapMs: number;
  /** What the generator itself missed; undefined when it missed nothing. */
  leftOut?: LeftOut;
}

const blockSeconds = 5;
/** A recording of hours is kept in as many blocks as one of minutes: neighbours are joined. */
const mostBlocks = 80;

/** Gathers outcomes into blocks small enough to be kept in the cluster. */
export class Recorder {
  readonly #started: number;
  readonly #pace: Pace | undefined;
  readonly #notSent: Record<Lane, number> = { fresh: 0, 'kept-alive': 0 };
  #stoodStillMs = 0;
  readonly #lanes = new Map<
    string,
    {
      record: LaneRecord;
      lastGood: number;
      leftOut: number;
      width: number;
      open: { block: Block; latency: Histogram } | undefined;
    }
  >();

  /** @param pace of the generator, when it keeps one */
  constructor(started: number, pace?: Pace) {
    this.#started = started;
    this.#pace = pace;
  }

  /** The generator itself stood still. */
  stoodStill({ from, to, notSent }: Standstill & { notSent: Record<Lane, number> }): void {
    this.#stoodStillMs += to - from;
    for (const lane of lanes) this.#notSent[lane] += notSent[lane];
  }

  add(outcome: Outcome): void {
    const key = `${outcome.target} ${outcome.lane}`;
    let entry = this.#lanes.get(key);
    if (!entry) {
      const record: LaneRecord = {
        target: outcome.target,
        lane: outcome.lane,
        blocks: [],
        classes: {},
        longestGapMs: 0,
      };
      entry = { record, lastGood: this.#started, leftOut: 0, width: blockSeconds, open: undefined };
      this.#lanes.set(key, entry);
    }
    const answered = outcome.at + outcome.ms;
    if (!outcome.failure) {
      // An answer that was read too late to be timed is a good answer all the same.
      entry.record.longestGapMs = Math.max(entry.record.longestGapMs, this.#gap(entry.lastGood, answered));
      entry.lastGood = Math.max(entry.lastGood, answered);
    }
    if (outcome.leftOut) {
      entry.leftOut++;
      return;
    }
    const second = Math.floor((outcome.at - this.#started) / 1000 / entry.width) * entry.width;
    if (entry.open?.block.second !== second) {
      if (entry.open) entry.record.blocks.push(closed(entry.open));
      entry.open = { block: { second, requests: 0, failures: 0, latency: {} }, latency: new Histogram() };
      if (entry.record.blocks.length >= mostBlocks) {
        entry.record.blocks = joined(entry.record.blocks);
        entry.width *= 2;
      }
    }
    entry.open.block.requests++;
    if (outcome.failure) {
      entry.open.block.failures++;
      entry.record.classes[outcome.failure] = (entry.record.classes[outcome.failure] ?? 0) + 1;
      return;
    }
    entry.open.latency.add(outcome.ms - (outcome.lateMs ?? 0));
  }

  /** What counts of the time between two good answers. */
  #gap(from: number, to: number): number {
    return Math.round(to - from - (this.#pace?.stillIn(from, to) ?? 0));
  }

  /** What the generator itself missed so far, in all lanes. */
  get leftOut(): LeftOut {
    return sumLeftOut([...this.#lanes.values()].map((entry) => ({ leftOut: this.#leftOut(entry) })));
  }

  #leftOut({ record, leftOut }: { record: LaneRecord; leftOut: number }): LeftOut {
    return {
      stoodStillMs: Math.round(this.#stoodStillMs),
      measurements: leftOut + this.#notSent[record.lane],
    };
  }

  /** Everything so far, with the gap that is still open at `now`. */
  records(now: number): LaneRecord[] {
    return [...this.#lanes.values()].map((entry) => {
      const { record, open, lastGood } = entry;
      const leftOut = this.#leftOut(entry);
      return {
        ...record,
        blocks: open ? [...record.blocks, closed(open)] : record.blocks,
        longestGapMs: Math.max(record.longestGapMs, this.#gap(lastGood, now)),
        ...(leftOut.stoodStillMs + leftOut.measurements > 0 ? { leftOut } : {}),
      };
    });
  }
}

const closed = ({ block, latency }: { block: Block; latency: Histogram }): Block => ({
  ...block,
  latency: latency.toJSON(),
});

function joined(blocks: Block[]): Block[] {
  const result: Block[] = [];
  for (let i = 0; i < blocks.length; i += 2) {
    const [a, b] = [blocks[i], blocks[i + 1]];
    if (!a) break;
    result.push(
      b
        ? {
            second: a.second,
            requests: a.requests + b.requests,
            failures: a.failures + b.failures,
            latency: new Histogram(a.latency).merge(new Histogram(b.latency)).toJSON(),
          }
        : a,
    );
  }
  return result;
}

/** Sums over all blocks of a lane. */
export function totals(record: LaneRecord): { requests: number; failures: number; latency: Histogram } {
  const latency = new Histogram();
  for (const block of record.blocks) latency.merge(new Histogram(block.latency));
  return {
    requests: record.blocks.reduce((sum, b) => sum + b.requests, 0),
    failures: record.blocks.reduce((sum, b) => sum + b.failures, 0),
    latency,
  };
}
