import type { Clock } from '../clock.ts';
import type { ConfigMap } from '../cluster/objects.ts';
import { optimistically } from '../cluster/optimistic.ts';
import { type Kubernetes, KubernetesError } from '../cluster/ports.ts';
import type { Journal, Json } from './journal.ts';
import { readStored, stored } from './stored.ts';

export const journalNamespace = 'kube-system';
export const journalName = (runId: string): string => `eks-rolling-${runId}`;
/** For people. */
export const journalRef = (runId: string): string => `${journalNamespace}/${journalName(runId)}`;
const managed = { 'app.kubernetes.io/managed-by': 'eks-rolling' };

interface Content {
  before: { key: string; value: Json }[];
  notes: Record<string, Json>;
}

/** Opens the journal of a run, or begins it: ConfigMap kube-system/eks-rolling-<run id>. */
export async function openJournal(kubernetes: Kubernetes, clock: Clock, runId: string): Promise<Journal> {
  const ref = { namespace: journalNamespace, name: journalName(runId) };
  const found = await kubernetes.get('configmaps', ref);
  if (!found) {
    const object: ConfigMap = {
      metadata: { ...ref, labels: managed },
      ...stored({}, empty()),
    };
    await kubernetes.create('configmaps', object).catch((error) => {
      // Sent twice after a broken connection: it is there, and ours.
      if (!(error instanceof KubernetesError && error.status === 409)) throw error;
    });
  }
  let content = found ? read(found) : empty();

  /** Writes with optimistic concurrency: a step of the same run may have written in between. */
  const change = (edit: (content: Content) => void): Promise<void> =>
    optimistically(clock, async () => {
      const present = await kubernetes.get('configmaps', ref);
      if (!present)
        throw new Error(
          `The journal of run ${runId}, ConfigMap ${ref.namespace}/${ref.name}, was deleted while the run worked.`,
        );
      const next = read(present);
      edit(next);
      await kubernetes.update('configmaps', { ...present, ...stored(present, next) });
      content = next;
    });

  return {
    runId,
    async before(key, value) {
      if (content.before.some((entry) => entry.key === key)) return;
      await change((c) => {
        if (!c.before.some((entry) => entry.key === key)) c.before.push({ key, value });
      });
    },
    valueBefore: (key) => content.before.find((entry) => entry.key === key)?.value,
    outstanding: (prefix = '') => content.before.filter((entry) => entry.key.startsWith(prefix)),
    async restored(key) {
      if (!content.before.some((entry) => entry.key === key)) return;
      await change((c) => {
        c.before = c.before.filter((entry) => entry.key !== key);
      });
    },
    async note(key, value) {
      await change((c) => {
        c.notes[key] = value;
      });
    },
    noted: (key) => content.notes[key],
  };
}

/** What the journal of a run says, without taking the run; undefined when there is none. */
export async function readJournal(
  kubernetes: Kubernetes,
  runId: string,
): Promise<Pick<Journal, 'noted' | 'valueBefore'> | undefined> {
  const found = await kubernetes.get('configmaps', { namespace: journalNamespace, name: journalName(runId) });
  if (!found) return undefined;
  const { before, notes } = read(found);
  return {
    noted: (key) => notes[key],
    valueBefore: (key) => before.find((entry) => entry.key === key)?.value,
  };
}

const empty = (): Content => ({ before: [], notes: {} });

function read(map: ConfigMap): Content {
  return { ...empty(), ...(readStored(map) as Partial<Content>) };
}
