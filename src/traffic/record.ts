import { Histogram } from './histogram.ts';

export const lanes = ['fresh', 'kept-alive'] as const;
export type Lane = (typeof lanes)[number];

/** How one request ended; `at` and `ms` count from the moment it was due, not from when it could be sent. */
export interface Outcome {
  target: string;
  lane: Lane;
  at: number;
  ms: number;
  /** `refused`, `reset`, `timeout`, `dns`, `tls`, `closed`, `status 503`; undefined when it was good. */
  failure?: string;
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
  /** Longest time without a good answer, in ms. */
  longestGapMs: number;
}

const blockSeconds = 5;
/** A recording of hours is kept in as many blocks as one of minutes: neighbours are joined. */
const mostBlocks = 80;

/** Gathers outcomes into blocks small enough to be kept in the cluster. */
export class Recorder {
  readonly #started: number;
  readonly #lanes = new Map<
    string,
    {
      record: LaneRecord;
      lastGood: number;
      width: number;
      open: { block: Block; latency: Histogram } | undefined;
    }
  >();

  constructor(started: number) {
    this.#started = started;
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
      entry = { record, lastGood: this.#started, width: blockSeconds, open: undefined };
      this.#lanes.set(key, entry);
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
    entry.open.latency.add(outcome.ms);
    const answered = outcome.at + outcome.ms;
    entry.record.longestGapMs = Math.max(entry.record.longestGapMs, Math.round(answered - entry.lastGood));
    entry.lastGood = Math.max(entry.lastGood, answered);
  }

  /** Everything so far, with the gap that is still open at `now`. */
  records(now: number): LaneRecord[] {
    return [...this.#lanes.values()].map(({ record, open, lastGood }) => ({
      ...record,
      blocks: open ? [...record.blocks, closed(open)] : record.blocks,
      longestGapMs: Math.max(record.longestGapMs, Math.round(now - lastGood)),
    }));
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
