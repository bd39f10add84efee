import type { Clock } from '../clock.ts';
import type { Lease } from '../cluster/objects.ts';
import { type Kubernetes, KubernetesError } from '../cluster/ports.ts';
import { describeDuration } from '../text.ts';
import { journalNamespace, openJournal } from './config-map-journal.ts';
import type { Journal } from './journal.ts';

/** The one lease of a cluster: whoever holds it may change nodes. Its holder is a run, not a process. */
const leaseRef = { namespace: journalNamespace, name: 'eks-rolling' };
const leaseMs = 15_000;
const renewMs = 4_000;
const lookMs = 1_000;
const stateKey = 'eks-rolling/state';
const callerKey = 'eks-rolling/caller';

export interface JoinOptions {
  kubernetes: Kubernetes;
  clock: Clock;
  signal: AbortSignal;
  /** Who we are, for the person who finds the lease. */
  caller: string;
  say: (line: string) => void;
  /** The run to go on with; without it the unfinished run, or a new one. */
  runId?: string;
}

/** A run that this process works on. */
export interface Run {
  journal: Journal;
  /** True when an earlier process began this run and did not finish it. */
  resumed: boolean;
  /** Aborted by the caller's signal, or when somebody else took the lease. */
  signal: AbortSignal;
  /** Leaves the run: finished gives the lease back, otherwise it is parked for the next step or a resume. */
  leave(finished: boolean): Promise<void>;
}

/**
 * Takes the cluster's lease for a run. A parked or stale lease of the same run, or of an unfinished one, is taken over; one
 * that a living process holds is refused.
 * @throws Error naming the holder when another run is at work.
 */
export async function joinRun(options: JoinOptions): Promise<Run> {
  const { kubernetes, clock, signal, say } = options;
  const present = await whenNotHeld(options);
  const holder = present?.spec.holderIdentity;
  if (options.runId && holder && holder !== options.runId) {
    throw new Error(
      `Run ${holder} (${present?.metadata.annotations?.[callerKey]}) is unfinished and holds this cluster, so run ${options.runId} cannot go on. ` +
        `Run the workflow again to finish ${holder}, or restore it with rotate-nodes phase: restore.`,
    );
  }
  const runId = options.runId ?? holder ?? newRunId(clock.now());
  const resumed = holder !== undefined && options.runId === undefined;
  if (resumed)
    say(`Going on with the unfinished run ${runId}, begun by ${present?.metadata.annotations?.[callerKey]}.`);
  await write(options, runId, 'working', present);
  const journal = await openJournal(kubernetes, clock, runId);

  const left = new AbortController();
  const lost = new AbortController();
  const renewing = renew(options, runId, left.signal, lost);
  return {
    journal,
    resumed,
    signal: AbortSignal.any([signal, lost.signal]),
    async leave(finished) {
      left.abort(new Error('left'));
      await renewing;
      if (finished) await kubernetes.remove('leases', leaseRef);
      else await write(options, runId, 'parked', await kubernetes.get('leases', leaseRef));
    },
  };
}

/** The run that began and has not finished, if there is one. */
export async function unfinishedRun(kubernetes: Kubernetes): Promise<string | undefined> {
  return (await kubernetes.get('leases', leaseRef))?.spec.holderIdentity;
}

/** Waits at most one lease duration to see whether the holder still lives: a killed one stops renewing. */
async function whenNotHeld({ kubernetes, clock, signal, say }: JoinOptions): Promise<Lease | undefined> {
  const first = await kubernetes.get('leases', leaseRef);
  let seen = first?.spec.renewTime;
  const until = clock.now() + leaseMs;
  for (let lease = first; ; lease = await kubernetes.get('leases', leaseRef)) {
    if (!lease || lease.metadata.annotations?.[stateKey] === 'parked') return lease;
    if (lease.spec.renewTime !== seen) {
      throw new Error(
        `Another run, ${lease.spec.holderIdentity} (${lease.metadata.annotations?.[callerKey]}), is at work on this cluster. ` +
          'Wait until it has ended, or cancel it, then run this workflow again.',
      );
    }
    if (clock.now() >= until) return lease;
    if (lease === first)
      say(
        `Run ${lease.spec.holderIdentity} may still be at work; looking for a sign of life for ${describeDuration(leaseMs)}.`,
      );
    seen = lease.spec.renewTime;
    await clock.sleep(lookMs, signal);
  }
}

async function renew(
  options: JoinOptions,
  runId: string,
  left: AbortSignal,
  lost: AbortController,
): Promise<void> {
  const { kubernetes, clock } = options;
  for (;;) {
    await clock.sleep(renewMs, left).catch(() => {});
    if (left.aborted) return;
    try {
      const lease = await kubernetes.get('leases', leaseRef);
      if (lease?.spec.holderIdentity !== runId) {
        lost.abort(
          new Error(
            `The lease kube-system/eks-rolling of run ${runId} was taken by ${lease?.spec.holderIdentity ?? 'somebody who deleted it'}; stopping.`,
          ),
        );
        return;
      }
      await write(options, runId, 'working', lease);
    } catch {
      // The API server may be away for a moment; the next round tries again, and our lease outlives several.
    }
  }
}

async function write(
  options: JoinOptions,
  runId: string,
  state: 'working' | 'parked',
  present: Lease | undefined,
): Promise<void> {
  const now = new Date(options.clock.now()).toISOString().replace(/Z$/, '000Z');
  const lease: Lease = {
    metadata: {
      ...leaseRef,
      ...(present?.metadata.resourceVersion ? { resourceVersion: present.metadata.resourceVersion } : {}),
      annotations: { ...present?.metadata.annotations, [stateKey]: state, [callerKey]: options.caller },
    },
    spec: { ...present?.spec, holderIdentity: runId, leaseDurationSeconds: leaseMs / 1000, renewTime: now },
  };
  try {
    if (present) await options.kubernetes.update('leases', lease);
    else await options.kubernetes.create('leases', lease);
  } catch (error) {
    if (!(error instanceof KubernetesError && error.status === 409)) throw error;
    const holder = (await options.kubernetes.get('leases', leaseRef))?.spec.holderIdentity;
    if (holder !== runId)
      throw new Error(
        `Another run, ${holder}, took the lease of this cluster at the same moment; run this workflow again when it has ended.`,
      );
  }
}

/** The time of its start: short, sorted by age, fit for a label and a taint. */
function newRunId(now: number): string {
  return new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}
