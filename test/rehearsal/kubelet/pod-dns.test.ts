import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Pod } from '../../../src/cluster/objects.ts';
import { namespaceProblem } from '../../../src/rehearsal/control-plane/namespace.ts';
import { withPodDns } from '../../../src/rehearsal/kubelet/pod-dns.ts';

const problem = namespaceProblem();
if (problem) console.warn(`The tests of the pods' resolv.conf are skipped. ${problem}`);
const directory = mkdtempSync(join(tmpdir(), 'pod-dns-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const pod = (namespace: string, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { namespace, name: 'redis-0' },
  spec: { containers: [], ...spec },
});

/** Runs a script as the process of a pod. */
async function run(of: Pod, script: string): Promise<{ pid: number | undefined; lines: string[] }> {
  const command = { file: 'sh', args: ['-c', script] };
  const { file, args } = withPodDns(command, of, { nameserver: '172.20.0.10', directory });
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const child = spawn('unshare', [...user, '--mount', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = await text(child.stdout);
  return { pid: child.pid, lines: output.trimEnd().split('\n') };
}

(problem ? describe.skip : describe)('the process of a pod', () => {
  test.each(['shop', 'other'])('in namespace %s searches names there first', async (namespace) => {
    const { lines } = await run(pod(namespace), 'cat /etc/resolv.conf');
    expect(lines).toEqual([
      `search ${namespace}.svc.cluster.local svc.cluster.local cluster.local`,
      'nameserver 172.20.0.10',
      'options ndots:5',
    ]);
  });

  test('is the process that was started', async () => {
    const { pid, lines } = await run(pod('shop'), 'echo $$');
    expect(lines).toEqual([String(pid)]);
  });

  test('resolves as the machine does when it has the network of the machine', async () => {
    const { lines } = await run(pod('shop', { hostNetwork: true }), 'cat /etc/resolv.conf');
    expect(lines.join()).not.toContain('svc.cluster.local');
  });
});
