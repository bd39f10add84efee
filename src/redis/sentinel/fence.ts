import { podName } from '../../cluster/pods.ts';
import { ipOf } from '../context.ts';
import { parsePairs } from '../info.ts';
import { type DataPod, mastersOf, type SentinelSet, type Snapshot } from './set.ts';

const fenceSettings = ['min-replicas-to-write', 'min-replicas-max-lag'];
const fenceLagSeconds = 10;

export const settingsPrefix = ({ target }: SentinelSet): string =>
  `redis/${target.namespace}/${target.name}/`;

export async function configOf(set: SentinelSet, { pod }: DataPod, name: string): Promise<string> {
  return parsePairs(await set.data(pod, 'CONFIG', 'GET', name))[name] ?? '';
}

/** Changes a setting of a pod, with the value from before in the journal first. */
export async function configure(
  set: SentinelSet,
  member: DataPod,
  name: string,
  value: string,
): Promise<void> {
  const before = await configOf(set, member, name);
  if (before === value) return;
  await set.context.journal.before(`${settingsPrefix(set)}${name}/${member.pod.metadata.name}`, before);
  await set.data(member.pod, 'CONFIG', 'SET', name, value);
}

/**
 * From the moment a replica leaves it, the master refuses writes by itself, even if this process dies. Only replicas that
 * are online count, or the fence would refuse writes at once.
 */
export async function fence(set: SentinelSet, from: DataPod): Promise<void> {
  const { onlineReplicas } = await set.replication(from.pod);
  const before = Number(await configOf(set, from, 'min-replicas-to-write'));
  await configure(set, from, 'min-replicas-max-lag', String(fenceLagSeconds));
  await configure(set, from, 'min-replicas-to-write', String(Math.max(before, onlineReplicas)));
}

/**
 * Whether the fence may go: on a replica, which takes no writes anyway, or on the only master when every Sentinel names it
 * and none is failing it over. In between it is what stands between an acknowledged write and its loss.
 */
export function fenceMayGo(member: DataPod, snapshot: Snapshot): boolean {
  if (member.replication.role === 'slave') return true;
  const { opinions } = snapshot;
  return (
    mastersOf(snapshot).length === 1 &&
    opinions.length > 0 &&
    opinions.every((o) => o.master === ipOf(member.pod) && o.flags === 'master')
  );
}

/** Puts priorities and fences back on the pods as they are now; a recreated pod has its own configuration again. */
export async function putBack(set: SentinelSet): Promise<void> {
  const { journal, say } = set.context;
  const prefix = settingsPrefix(set);
  const outstanding = journal.outstanding(prefix);
  if (outstanding.length === 0) return;
  const snapshot = await set.look();
  const kept = new Set<string>();
  for (const { key, value } of outstanding) {
    const [name = '', pod] = key.slice(prefix.length).split('/');
    const member = snapshot.members.find((m) => m.pod.metadata.name === pod);
    if (!member) continue;
    if (fenceSettings.includes(name) && !fenceMayGo(member, snapshot)) {
      kept.add(podName(member.pod));
      continue;
    }
    if ((await configOf(set, member, name)) !== String(value))
      await set.data(member.pod, 'CONFIG', 'SET', name, String(value));
    await journal.restored(key);
  }
  for (const pod of kept)
    say(
      `${pod} keeps its fence (min-replicas-to-write) until it is certain who is master; a rerun puts it back.`,
    );
}
