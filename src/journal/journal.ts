/** What may be written to the journal. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * What a run changed and the values from before, kept in the cluster under the run id so that any machine can undo it after
 * any crash. Written before each change. Keys are paths such as `deployment/kube-system/cluster-autoscaler/replicas`.
 */
export interface Journal {
  readonly runId: string;
  /** Records the value from before a change. The first value wins: on a resumed run the present value is already ours. */
  before(key: string, value: Json): Promise<void>;
  /** The value from before, undefined when this run has not changed it (or has put it back). */
  valueBefore(key: string): Json | undefined;
  /** Everything that still has to be put back, in the order it was changed. */
  outstanding(prefix?: string): { key: string; value: Json }[];
  /** The change was put back. */
  restored(key: string): Promise<void>;
  /** Facts that later steps read, such as the plan; not to be undone. */
  note(key: string, value: Json): Promise<void>;
  noted(key: string): Json | undefined;
}
