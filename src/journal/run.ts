import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Lease } from '../cluster/objects.ts';
import { type Kubernetes, KubernetesError } from '../cluster/ports.ts';
import { microTime } from '../cluster/times.ts';
import { describeDuration } from '../text.ts';
import { journalName, journalNamespace, openJournal } from './config-map-journal.ts';
import type { Journal } from './journal.ts';

/** The one lease of a cluster: whoever holds it may change nodes. Its holder is a run, not a process. */
const leaseRef = { namespace: journalNamespace, name: 'eks-rolling' };
const leaseMs = 15_000;
const renewMs = 4_000;
const lookMs = 1_000;
const stateKey = 'eks-rolling/state';
const callerKey = 'eks-rolling/caller';
/** Tells two processes apart that both went on with the same stale run. */
const processKey = 'eks-rolling/process';

export interface JoinOptions {
  kubernetes: Kubernetes;
  clock: Clock;
  signal: AbortSignal;
  /** Who we are, for the person who finds the lease. */
  caller: string;
  say: (line: string) => void;
  /** The run to go on with, which must be unfinished; without it the unfinished run, or a new one. */
  runId?: string;
  /** Lets a run that has ended be taken up again, to undo it. */
  reopen?: boolean;
}

/** How a process writes the lease. */
type Holder = Pick<JoinOptions, 'kubernetes' | 'clock' | 'caller'> & { runId: string; process: string };

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
 * @throws Error naming the holder when another run is at work, or when the run that was asked for has ended.
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
  if (options.runId && !holder && !options.reopen) {
    throw new Error(
      `Run ${options.runId} is not unfinished: it has ended, was put back, or never began. Run the workflow again from its start.`,
    );
  }
  const runId = options.runId ?? holder ?? (await newRunId(kubernetes, clock.now()));
  const resumed = holder !== undefined && options.runId === undefined;
  if (resumed)
    say(`Going on with the unfinished run ${runId}, begun by ${present?.metadata.annotations?.[callerKey]}.`);
  const me: Holder = { kubernetes, clock, caller: options.caller, runId, process: randomUUID() };
  const taken = await write(me, 'working', present);
  const journal = await openJournal(kubernetes, clock, runId);

  const left = new AbortController();
  const lost = new AbortController();
  const renewing = renew(me, taken, left.signal, lost);
  return {
    journal,
    resumed,
    signal: AbortSignal.any([signal, lost.signal]),
    async leave(finished) {
      left.abort(new Error('left'));
      await renewing;
      const lease = await kubernetes.get('leases', leaseRef);
      // Whoever took it over answers for it now.
      if (!lease || !holds(me, lease)) return;
      if (finished) await kubernetes.remove('leases', leaseRef);
      else await write(me, 'parked', lease);
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

const holds = (me: Holder, lease: Lease | undefined): boolean =>
  lease?.spec.holderIdentity === me.runId && lease.metadata.annotations?.[processKey] === me.process;

async function renew(
  me: Holder,
  taken: Lease | undefined,
  left: AbortSignal,
  lost: AbortController,
): Promise<void> {
  const { kubernetes, clock, runId } = me;
  let last = taken;
  for (;;) {
    await clock.sleep(renewMs, left).catch(() => {});
    if (left.aborted) return;
    try {
      // As it was written last; who wrote it since makes the update fail, and the next round look.
      const lease = last ?? (await kubernetes.get('leases', leaseRef));
      last = undefined;
      if (!lease || !holds(me, lease)) {
        const taker = lease?.metadata.annotations?.[callerKey];
        lost.abort(
          new Error(
            `The lease kube-system/eks-rolling of run ${runId} ${lease ? `was taken by ${taker}` : 'was deleted'}; stopping.`,
          ),
        );
        return;
      }
      last = await write(me, 'working', lease);
    } catch (error) {
      // A lease that we may not renew runs out, and another run takes it while we are at work.
      if (error instanceof KubernetesError && error.status === 403) return lost.abort(error);
      // The API server may be away for a moment; the next round tries again, and our lease outlives several.
    }
  }
}

/** Returns the lease as the API server has it now. */
async function write(
  me: Holder,
  state: 'working' | 'parked',
  present: Lease | undefined,
): Promise<Lease | undefined> {
  const { kubernetes, clock, caller, runId } = me;
  const lease: Lease = {
    metadata: {
      ...leaseRef,
      ...(present?.metadata.resourceVersion ? { resourceVersion: present.metadata.resourceVersion } : {}),
      annotations: {
        ...present?.metadata.annotations,
        [stateKey]: state,
        [callerKey]: caller,
        [processKey]: me.process,
      },
    },
    spec: {
      ...present?.spec,
      holderIdentity: runId,
      leaseDurationSeconds: leaseMs / 1000,
      renewTime: microTime(clock.now()),
    },
  };
  try {
    return await (present ? kubernetes.update('leases', lease) : kubernetes.create('leases', lease));
  } catch (error) {
    if (!(error instanceof KubernetesError && error.status === 409)) throw error;
    // Sent twice after a broken connection, it is ours all the same.
    const holder = await kubernetes.get('leases', leaseRef);
    if (!holds(me, holder))
      throw new Error(
        `Another process (${holder?.metadata.annotations?.[callerKey]}) took the lease of this cluster at the same moment; run this workflow again when it has ended.`,
      );
    return holder;
  }
}

/** The time of its start: short, sorted by age, fit for a label and a taint. Numbered when that second had a run already. */
async function newRunId(kubernetes: Kubernetes, now: number): Promise<string> {
  const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
  for (let n = 1; ; n++) {
    const runId = n === 1 ? stamp : `${stamp}-${n}`;
    const ref = { namespace: journalNamespace, name: journalName(runId) };
    if (!(await kubernetes.get('configmaps', ref))) return runId;
  }
}
