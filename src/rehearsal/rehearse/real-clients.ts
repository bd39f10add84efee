import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '../../text.ts';
import type { Cluster } from '../cluster.ts';
import { shop } from '../scenario/shop.ts';
import type { Topology } from './options.ts';
import type { Line } from './verdict.ts';

const run = promisify(execFile);
const mostOutput = 2 ** 26;
const ours = 'eks-rolling';

/** What redis-cli says of the moved Redis: a second opinion by a program that is not ours. */
export async function redisCliLines(
  { store }: Pick<Cluster, 'store'>,
  topologies: readonly Topology[],
): Promise<Line[]> {
  const addressOf = (labelSelector: string): string =>
    store.list('pods', { namespace: shop, labelSelector })[0]?.status?.podIP ?? '';
  const asked = {
    sentinel: () => [
      '-h',
      addressOf('app=redis-sentinel'),
      '-p',
      '26379',
      'SENTINEL',
      'CKQUORUM',
      'mymaster',
    ],
    cluster: () => ['--cluster', 'check', `${addressOf('app=redis-cluster')}:6379`],
  };
  const content = { sentinel: /^OK 3 usable/, cluster: /\[OK\] All 16384 slots covered/ };
  return Promise.all(
    topologies.map(async (topology) => {
      const args = asked[topology]();
      const { stdout } = await run('redis-cli', args).catch((error) => ({ stdout: messageOf(error) }));
      const good = content[topology].test(stdout) && !stdout.includes('[ERR]');
      return { good, text: `redis-cli ${args.join(' ')}: ${good ? 'content' : stdout.trim().slice(-500)}` };
    }),
  );
}

/** What kubectl finds of the suite on nodes, workloads and pods once it has ended: nothing may be left. */
export async function kubectlLines(kubectl: string, kubeconfig: string): Promise<Line[]> {
  const { stdout } = await run(
    kubectl,
    [
      ...['--kubeconfig', kubeconfig, 'get', '--all-namespaces', '-o', 'json'],
      'nodes,pods,deployments,statefulsets,daemonsets,poddisruptionbudgets,leases',
    ],
    { maxBuffer: mostOutput },
  );
  const left = (JSON.parse(stdout).items as Item[]).filter(isMarked);
  return [
    {
      good: left.length === 0,
      text: `kubectl finds ${left.map((i) => `${i.kind} ${i.metadata.name}`).join(', ') || 'nothing'} that the suite has left behind`,
    },
  ];
}

interface Item {
  kind: string;
  metadata: { name: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: { unschedulable?: boolean; taints?: { key: string }[] };
}

const isMarked = ({ kind, metadata, spec }: Item): boolean =>
  [...Object.keys(metadata.labels ?? {}), ...Object.keys(metadata.annotations ?? {})].some((key) =>
    key.startsWith(ours),
  ) ||
  (spec?.taints ?? []).some(({ key }) => key.startsWith(ours)) ||
  spec?.unschedulable === true ||
  (kind === 'Lease' && metadata.name === ours);
