import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describeDuration } from '../../text.ts';
import type { Release } from './versions.ts';

const run = promisify(execFile);
const kubernetesPrograms = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];
const mostOutput = 2 ** 26;

/** Why nothing can be built here; undefined when it can. */
export async function goProblem(): Promise<string | undefined> {
  try {
    await run('go', ['version']);
    return undefined;
  } catch {
    return 'Go is not installed.';
  }
}

/**
 * Builds a release from the published Go modules into a directory, which appears only when it is complete. Takes about five
 * minutes on two cores. @throws Error with what Go said.
 */
export async function buildControlPlane(
  release: Release,
  directory: string,
  say: (line: string) => void,
): Promise<void> {
  mkdirSync(dirname(directory), { recursive: true });
  const work = mkdtempSync(`${directory}.`);
  const started = Date.now();
  try {
    const bin = join(work, 'bin');
    say(`Building etcd ${release.etcd} from its Go modules.`);
    await build(join(work, 'etcd'), etcdModule(release), [
      ...['-o', join(bin, 'etcd')],
      'go.etcd.io/etcd/server/v3',
    ]);
    say(`Building Kubernetes ${release.kubernetes} from its Go modules; this takes about five minutes.`);
    await build(join(work, 'kubernetes'), await kubernetesModule(release), [
      ...['-ldflags', `-s -w ${versionFlags(release)}`, '-o', `${bin}/`],
      ...kubernetesPrograms.map((program) => `k8s.io/kubernetes/cmd/${program}`),
    ]);
    renameSync(bin, directory);
    say(`Built in ${describeDuration(Date.now() - started)}; kept in ${directory}.`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function build(directory: string, module: string, args: readonly string[]): Promise<void> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'go.mod'), module);
  const env = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod -buildvcs=false', GOWORK: 'off' };
  await run('go', ['build', '-trimpath', ...args], { cwd: directory, env, maxBuffer: mostOutput });
}

// A module of its own, because its dependencies and those of Kubernetes exclude each other.
const etcdModule = ({ etcd }: Release): string =>
  `module control-plane\n\ngo 1.24.0\n\nrequire go.etcd.io/etcd/server/v3 v${etcd}\n`;

/** k8s.io/kubernetes requires its staging modules as v0.0.0 and replaces them by directories that are not published with it. */
async function kubernetesModule({ kubernetes }: Release): Promise<string> {
  const { stdout } = await run('go', ['mod', 'download', '-json', `k8s.io/kubernetes@v${kubernetes}`], {
    env: { ...process.env, GOWORK: 'off' },
  });
  const published = readFileSync(JSON.parse(stdout).GoMod, 'utf8');
  const go = /^go \S+$/m.exec(published)?.[0] ?? '';
  const staging = [...published.matchAll(/^\s+(k8s\.io\/\S+) v0\.0\.0(?: .*)?$/gm)].map(([, path]) => path);
  const version = kubernetes.replace(/^1\./, 'v0.');
  return [
    'module control-plane',
    go,
    `require k8s.io/kubernetes v${kubernetes}`,
    ...staging.map((path) => `replace ${path} => ${path} ${version}`),
    '',
  ].join('\n');
}

function versionFlags({ kubernetes }: Release): string {
  const [major, minor] = kubernetes.split('.');
  const stamp = { gitVersion: `v${kubernetes}`, gitMajor: major, gitMinor: minor };
  return Object.entries(stamp)
    .map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)
    .join(' ');
}
