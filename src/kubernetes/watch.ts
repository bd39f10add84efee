import { createInterface } from 'node:readline';
import type { Clock } from '../clock.ts';
import type { KubernetesObject } from '../cluster/objects.ts';
import { KubernetesError, type ListOf, type WatchEvent } from '../cluster/ports.ts';
import { type Connection, readBody, send } from './connection.ts';
import { errorFrom } from './errors.ts';

interface WatchLine {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: KubernetesObject & { code?: number; reason?: string; message?: string };
}

export interface WatchSource<T> {
  path: string;
  query: Record<string, string | undefined>;
  /** Used at the start and whenever the version to continue from is too old. */
  list: () => Promise<ListOf<T>>;
}

/** The server ends a watch after this long; we then continue where it stopped. */
const watchSeconds = 300;
const pauseAfterFailureMs = 1000;

/**
 * List and watch, as client-go's reflector does: first what is there, then what changes; a broken connection continues from
 * the last version seen, an expired one (410) lists again and reports only the differences.
 */
export async function* listAndWatch<T extends KubernetesObject>(
  connection: Connection,
  source: WatchSource<T>,
  clock: Clock,
  signal: AbortSignal,
  synced: () => void = () => {},
): AsyncGenerator<WatchEvent<T>> {
  const known = new Map<string, T>();
  while (!signal.aborted) {
    const listed = await source.list();
    yield* differences(known, listed.items);
    synced();
    let version = listed.resourceVersion;
    for (let expired = false; !expired && !signal.aborted; ) {
      try {
        for await (const line of watchLines(connection, source, version, signal)) {
          if (line.type === 'ERROR') {
            expired = true;
            break;
          }
          version = line.object.metadata.resourceVersion ?? version;
          if (line.type === 'BOOKMARK') continue;
          const object = line.object as unknown as T;
          if (line.type === 'DELETED') known.delete(keyOf(object));
          else known.set(keyOf(object), object);
          yield { type: line.type, object };
        }
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KubernetesError && error.status === 403) throw error;
        if (error instanceof KubernetesError && error.status === 410) expired = true;
        else await clock.sleep(pauseAfterFailureMs, signal).catch(() => {});
      }
    }
  }
}

const keyOf = (object: KubernetesObject): string =>
  object.metadata.uid ?? `${object.metadata.namespace}/${object.metadata.name}`;

function* differences<T extends KubernetesObject>(
  known: Map<string, T>,
  items: T[],
): Generator<WatchEvent<T>> {
  const present = new Set(items.map(keyOf));
  for (const [key, object] of [...known]) {
    if (present.has(key)) continue;
    known.delete(key);
    yield { type: 'DELETED', object };
  }
  for (const object of items) {
    const before = known.get(keyOf(object));
    known.set(keyOf(object), object);
    if (!before) yield { type: 'ADDED', object };
    else if (before.metadata.resourceVersion !== object.metadata.resourceVersion)
      yield { type: 'MODIFIED', object };
  }
}

async function* watchLines(
  connection: Connection,
  source: Pick<WatchSource<unknown>, 'path' | 'query'>,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<WatchLine> {
  const query = {
    ...source.query,
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion,
    timeoutSeconds: String(watchSeconds),
  };
  const response = await send(connection, { method: 'GET', path: source.path, query }, signal);
  if (response.statusCode !== 200)
    throw errorFrom(`watch ${source.path}`, response, await readBody(response));
  try {
    for await (const line of createInterface({ input: response }))
      if (line) yield JSON.parse(line) as WatchLine;
  } finally {
    response.destroy();
  }
}
