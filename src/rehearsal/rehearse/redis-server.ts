import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Looks for redis-server on the PATH. */
export function findRedisServer(): string | undefined {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(directory, 'redis-server');
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

/** Finds redis-server, or installs it by apt when we may; otherwise says what to run. Only the program is wanted, not the service. */
export function obtainRedisServer(say: (line: string) => void): string | undefined {
  const found = findRedisServer();
  if (found) return found;
  if (process.getuid?.() !== 0) {
    say(
      'redis-server is not installed, so Redis is left out. To rehearse with it, run: sudo apt-get install -y redis-server',
    );
    return undefined;
  }
  say('Installing redis-server by apt.');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const apt = (...args: string[]) => execFileSync('apt-get', args, { env, stdio: 'ignore' });
  try {
    try {
      apt('install', '-y', '--no-install-recommends', 'redis-server');
    } catch {
      // The package lists of a fresh machine may be empty or old.
      apt('update');
      apt('install', '-y', '--no-install-recommends', 'redis-server');
    }
  } catch {
    say(
      'apt could not install redis-server, so Redis is left out. Run: apt-get update && apt-get install -y redis-server',
    );
  }
  return findRedisServer();
}
