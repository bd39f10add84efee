import { describe, expect, test } from '@jest/globals';
import { systemClock } from '../../../src/clock.ts';
import type { Resource } from '../../../src/cluster/resources.ts';
import { useSpace } from '../space.ts';
import type { Target, WatchLine } from '../target.ts';

const limitMs = 20_000;

export function watches(target: () => Target): void {
  describe('watches', () => {
    const space = useSpace(target);

    /** The first events of a watch, while `meanwhile` is done. */
    async function take(
      count: number,
      query: Record<string, string>,
      meanwhile: () => Promise<unknown> = async () => {},
      resource: Resource = 'configmaps',
    ): Promise<WatchLine[]> {
      const ended = new AbortController();
      const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(limitMs)]);
      const lines: WatchLine[] = [];
      const reading = (async () => {
        for await (const line of space().watch(resource, query, signal)) {
          lines.push(line);
          if (lines.length === count) break;
        }
      })();
      await meanwhile();
      await reading;
      ended.abort();
      return lines;
    }
    const told = (lines: WatchLine[]) => lines.map((l) => `${l.type} ${l.object.metadata.name}`);
    const make = (name: string, color = 'red') =>
      space().make('configmaps', { metadata: { name, labels: { color, case: 'watch' } } });
    const paint = (name: string, color: string) =>
      space().patch('configmaps', name, { metadata: { labels: { color } } });
    const versionNow = async () => (await space().list('configmaps')).body.metadata.resourceVersion;

    test('from a version tell everything that came after it, in order', async () => {
      await make('before');
      const resourceVersion = await versionNow();
      await make('a');
      await paint('a', 'blue');
      const lines = await take(4, { resourceVersion, labelSelector: 'case=watch' }, async () => {
        await space().remove('configmaps', 'a');
        await make('b');
      });
      expect(told(lines)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED b']);
      const versions = lines.map((l) => BigInt(l.object.metadata.resourceVersion));
      expect([...versions].sort((x, y) => (x < y ? -1 : 1))).toEqual(versions);
    });

    test('without a version begin with what is there', async () => {
      await make('a');
      await make('b');
      const lines = await take(2, { labelSelector: 'case=watch' });
      expect(told(lines).sort()).toEqual(['ADDED a', 'ADDED b']);
      expect(lines[0]?.object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
    });

    test('of a selection see an object come and go with its labels', async () => {
      await make('a', 'blue');
      const resourceVersion = await versionNow();
      const lines = await take(3, { resourceVersion, labelSelector: 'case=watch,color=red' }, async () => {
        await paint('a', 'red');
        await space().patch('configmaps', 'a', { data: { n: '1' } });
        await paint('a', 'green');
      });
      expect(told(lines)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
      // What left is shown as it last was in the selection, at the version of its leaving.
      expect(lines[2]?.object.metadata.labels.color).toBe('red');
      const now = await space().get('configmaps', 'a');
      expect(lines[2]?.object.metadata.resourceVersion).toBe(now.metadata.resourceVersion);
    });

    test('of one name see only that object', async () => {
      const resourceVersion = await versionNow();
      const lines = await take(2, { resourceVersion, fieldSelector: 'metadata.name=b' }, async () => {
        await make('a');
        await make('b');
        await paint('b', 'blue');
      });
      expect(told(lines)).toEqual(['ADDED b', 'MODIFIED b']);
    });

    test('end after their timeout, and send a bookmark before that when it is asked for', async () => {
      await make('a');
      const resourceVersion = await versionNow();
      const began = systemClock.now();
      const lines = await take(Number.POSITIVE_INFINITY, {
        resourceVersion,
        allowWatchBookmarks: 'true',
        timeoutSeconds: '5',
        labelSelector: 'case=watch',
      });
      expect(systemClock.now() - began).toBeLessThan(limitMs);
      const bookmark = lines.find((l) => l.type === 'BOOKMARK');
      expect(bookmark?.object.kind).toBe('ConfigMap');
      expect(bookmark?.object.metadata.name ?? '').toBe('');
      expect(BigInt(bookmark?.object.metadata.resourceVersion) >= BigInt(resourceVersion)).toBe(true);
    });

    test('from a version that is too old end with 410 Expired', async () => {
      const resourceVersion = await versionNow();
      await target().forgetHistory();
      const [line] = await take(1, { resourceVersion }, undefined, 'jobs');
      expect(line?.type).toBe('ERROR');
      expect(line?.object).toMatchObject({ kind: 'Status', code: 410, reason: 'Expired' });
    });
  });
}
