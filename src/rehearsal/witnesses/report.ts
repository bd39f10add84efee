/** What the witnesses saw, as they send it to their parent: counts so far, or the end's. */
export interface HttpReport {
  name: string;
  requests: number;
  failed: number;
  /** The first few failures, for people. */
  failures: { at: number; lane: 'fresh' | 'kept-alive'; error: string }[];
}

export interface QueueReport {
  queued: number;
  done: number;
  /** Only known at the end: taken or queued, and never reported done. */
  lost: number;
}

export interface RedisReport {
  name: string;
  acknowledged: number;
  /** Writes that got an error and were sent again until acknowledged; allowed, but counted. */
  retried: number;
  /** Longest time between two acknowledged writes of one writer. */
  longestGapMs: number;
  /** Only known at the end: acknowledged, and not there any more. */
  lost: number;
}

export interface WitnessReport {
  at: number;
  final: boolean;
  http: HttpReport[];
  queue: QueueReport;
  redis: RedisReport[];
}

export interface WitnessSettings {
  http: { name: string; url: string; perSecond: number }[];
  /** One job every so often; a job takes this long in a consumer. */
  queue: { everyMs: number; workMs: number };
  redis: RedisTarget[];
}

export interface RedisTarget {
  name: string;
  kind: 'sentinel' | 'cluster';
  /** Answers GET with a JSON list of `{ip, port}`: the Sentinels, or the cluster's pods. */
  discovery: string;
  master?: string;
  writers: number;
  /** Each writer writes `batch` numbers, waits for all answers, then pauses. */
  batch: number;
  pauseMs: number;
}
