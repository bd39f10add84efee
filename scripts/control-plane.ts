import { obtainBinaries } from '../src/rehearsal/control-plane/binaries.ts';
import { releaseOf } from '../src/rehearsal/control-plane/versions.ts';
import { messageOf } from '../src/text.ts';

/**
 * Makes sure that a real control plane is here and says where.
 *   npm run control-plane [-- newest|oldest|<minor>]
 */
try {
  const release = releaseOf(process.argv[2] ?? 'newest');
  const binaries = await obtainBinaries(release, process.env, console.log);
  for (const [program, path] of Object.entries(binaries)) console.log(`${program}: ${path}`);
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
