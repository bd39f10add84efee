import { assetsOf, NoControlPlane, obtainBinaries } from '../src/rehearsal/control-plane/binaries.ts';
import { namespaceProblem, runInNamespace } from '../src/rehearsal/control-plane/namespace.ts';
import { releaseOf } from '../src/rehearsal/control-plane/versions.ts';
import { obtainRedisServer } from '../src/rehearsal/rehearse/redis-server.ts';
import { messageOf } from '../src/text.ts';

/**
 * Runs the contract, differential and end-to-end suites on a real control plane, in a network namespace of their own.
 *   npm run test:real [-- --release newest|oldest|<minor>] [jest arguments]
 * Where there can be no control plane it says loudly why and skips; with E2E_REQUIRE=1 that is a failure.
 */
const args = process.argv.slice(2);
const at = args.indexOf('--release');
const [, name = 'newest'] = at < 0 ? [] : args.splice(at, 2);

try {
  const release = releaseOf(name);
  const problem = namespaceProblem();
  if (problem) throw new NoControlPlane(problem);
  const binaries = await obtainBinaries(release, process.env, console.log);
  obtainRedisServer(console.log);
  console.log(`Kubernetes ${release.kubernetes}, etcd ${release.etcd}`);
  const jest = [
    ...['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    ...['node_modules/jest/bin/jest.js', '--config', 'jest.real.config.mjs', ...args],
  ];
  process.exitCode = await runInNamespace([process.execPath, ...jest], {
    ...assetsOf(binaries),
    EKS_ROLLING_RELEASE: name,
  });
} catch (error) {
  if (!(error instanceof NoControlPlane)) throw error;
  console.error(`SKIPPED: the suites on a real control plane did not run. ${messageOf(error)}`);
  process.exitCode = process.env.E2E_REQUIRE === '1' ? 1 : 0;
}
