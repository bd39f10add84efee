import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const inside = 'EKS_ROLLING_NAMESPACE';
/** Every 10.x address is local there: nodes and pods have addresses that Kubernetes accepts, and nothing leaves the machine. */
const localNetwork = '10.0.0.0/8';
/** One that loopback really has: without, resolvers believe that there is no IPv4 here (AI_ADDRCONFIG). */
const ownAddress = '10.0.0.1/32';

export const inNamespace = (): boolean => process.env[inside] === '1';

/** Why there can be no namespace here, and what to run; undefined when there can. */
export function namespaceProblem(): string | undefined {
  if (process.platform !== 'linux') return 'A real control plane needs Linux.';
  const wanted = [
    ['unshare', 'util-linux'],
    ['setpriv', 'util-linux'],
    ['mount', 'mount'],
    ['ip', 'iproute2'],
  ] as const;
  const missing = wanted
    .filter(([program]) => !runs('sh', ['-c', `command -v ${program}`]))
    .map(([, of]) => of);
  if (missing.length > 0) return `Run: sudo apt-get install -y ${[...new Set(missing)].join(' ')}`;
  if (!runs('unshare', [...flags(), 'true']))
    return 'This user may not make a network namespace. Run it as root, or allow unprivileged user namespaces.';
  if (!existsSync('/etc/resolv.conf'))
    return 'Pods get a resolv.conf in place of /etc/resolv.conf, which must exist, also where it links to.';
  return undefined;
}

/**
 * Runs a command in a network and process namespace of its own and resolves with its exit code. Whatever way it ends, all
 * processes that it started are gone then, and so are its temporary files.
 */
export async function runInNamespace(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const temporary = mkdtempSync(join(tmpdir(), 'eks-rolling-'));
  const addresses = `ip addr add ${ownAddress} dev lo && ip route add local ${localNetwork} dev lo`;
  // In memory: it is gone with the namespace even when nobody is left to remove it, and etcd waits for no disk.
  const files = 'mount -t tmpfs -o mode=0700 tmpfs "$TMPDIR"';
  const setUp = `${files} && ip link set lo up && ${addresses} && exec "$@"`;
  // Whatever kills us kills unshare, too.
  const unshare = ['--pdeathsig', 'KILL', 'unshare', ...flags()];
  const child = spawn('setpriv', [...unshare, 'sh', '-c', setUp, 'sh', ...command], {
    stdio: 'inherit',
    env: { ...process.env, ...env, [inside]: '1', TMPDIR: temporary },
  });
  // Ctrl-C reaches the command itself; whoever ends us alone ends it too.
  const ignore = () => {};
  const end = () => void child.kill('SIGKILL');
  process.on('SIGINT', ignore);
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    process.off('SIGINT', ignore);
    process.off('SIGTERM', end);
    process.off('SIGHUP', end);
    rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A process namespace ends all its processes with the first of them, and that one dies with unshare. */
function flags(): string[] {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  return [...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
}

function runs(file: string, args: readonly string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
