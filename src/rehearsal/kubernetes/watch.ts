import type { IncomingMessage, ServerResponse } from 'node:http';
import { KubernetesError } from '../../cluster/ports.ts';
import { apiVersionOf, resources } from '../../cluster/resources.ts';
import { matchesLabelQuery } from '../../cluster/selectors.ts';
import { matchesFields } from './field-selector.ts';
import type { Route } from './route.ts';
import { statusOf } from './status.ts';
import type { Store, StoreEvent } from './store.ts';

const bookmarkMs = 10_000;
/** A bookmark comes this long before the server ends a watch, so that its client can continue from there. */
const beforeEndMs = 2000;

/** Streams what happens after the given version, one JSON line each, with bookmarks; an expired version is a 410 in the stream. */
export function serveWatch(
  store: Store,
  route: Route,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { resource, namespace } = route;
  const labels = query.get('labelSelector') ?? '';
  const fields = query.get('fieldSelector') ?? '';
  const selected = (object: StoreEvent<typeof resource>['object']): boolean =>
    (!namespace || object.metadata.namespace === namespace) &&
    matchesLabelQuery(labels, object.metadata.labels) &&
    (!fields || matchesFields(fields, object));
  response.writeHead(200, { 'content-type': 'application/json' });
  const send = (type: string, object: object) => response.write(`${JSON.stringify({ type, object })}\n`);

  const deliver = (event: StoreEvent<typeof resource>) => {
    const before = event.previous !== undefined && selected(event.previous);
    const now = event.type !== 'DELETED' && selected(event.object);
    // An object that leaves the selection is deleted for this watcher, as it last was in it; one that enters it is new.
    if (now) send(before ? 'MODIFIED' : 'ADDED', event.object);
    else if (before && event.previous) {
      const { resourceVersion } = event.object.metadata;
      send('DELETED', { ...event.previous, metadata: { ...event.previous.metadata, resourceVersion } });
    }
  };

  const version = query.get('resourceVersion') ?? '';
  if (version === '' || version === '0') {
    for (const object of store.list(resource, namespace ? { namespace } : {}))
      if (selected(object)) send('ADDED', object);
  } else {
    const missed = store.since(resource, Number(version));
    if (missed === 'expired') {
      const error = new KubernetesError(
        410,
        'Expired',
        `too old resource version: ${version} (${store.revision})`,
      );
      send('ERROR', statusOf(error));
      response.end();
      return;
    }
    for (const event of missed.events) deliver(event);
  }

  const unsubscribe = store.subscribe(resource, deliver);
  const bookmark = () => {
    const { kind } = resources[resource];
    send('BOOKMARK', {
      kind,
      apiVersion: apiVersionOf(resource),
      metadata: { resourceVersion: String(store.revision) },
    });
  };
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  const everyMs = seconds > 0 ? Math.min(bookmarkMs, Math.max(1, seconds * 1000 - beforeEndMs)) : bookmarkMs;
  const bookmarks = query.get('allowWatchBookmarks') ? setInterval(bookmark, everyMs) : undefined;
  const timeout = seconds > 0 ? setTimeout(() => response.end(), seconds * 1000) : undefined;
  const end = () => {
    unsubscribe();
    clearInterval(bookmarks);
    clearTimeout(timeout);
  };
  request.on('close', end);
  response.on('close', end);
}
