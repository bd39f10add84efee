import { describe, expect, test } from '@jest/globals';
import type { PersistentVolumeClaim, VolumeAttachment } from '../../src/cluster/objects.ts';
import { waitForVolumes } from '../../src/rotation/leave.ts';
import { fakePods } from './fake-context.ts';
import { pod } from './objects.ts';

const attached = (volume: string, nodeName: string): VolumeAttachment => ({
  metadata: { name: `${volume}-${nodeName}` },
  spec: { attacher: 'ebs.csi.aws.com', nodeName, source: { persistentVolumeName: volume } },
});
const claim = (name: string, volumeName: string): PersistentVolumeClaim => ({
  metadata: { namespace: 'shop', name },
  spec: { volumeName },
});
const using = (name: string) => ({
  containers: [],
  volumes: [{ name: 'data', persistentVolumeClaim: { claimName: name } }],
});

/** How long the volumes of the drained node `old` are waited for, and what the wait ended with. */
async function waited(attachments: VolumeAttachment[], options: { detachesAfterMs?: number } = {}) {
  const daemon = pod('cni-1', { node: 'old', owner: ['DaemonSet', 'cni'], spec: using('cni') });
  const fake = fakePods([daemon], undefined, [], { volumeattachments: attachments });
  const claims = [claim('cni', 'vol-cni')];
  fake.context.kubernetes.get = (async (_: string, { name }: { name: string }) =>
    claims.find((c) => c.metadata.name === name)) as never;
  if (options.detachesAfterMs) fake.clock.after(options.detachesAfterMs, () => attachments.splice(0));
  const failure = await fake.clock.run(
    waitForVolumes(fake.context, ['old'], new Set()).then(
      () => '',
      (error: Error) => error.message,
    ),
  );
  return { failure, ms: fake.clock.now() };
}

describe('the volumes of the pods that have left a node', () => {
  test('are detached before its instance is terminated', async () => {
    const { failure, ms } = await waited([attached('vol-db', 'old')], { detachesAfterMs: 20_000 });
    expect(failure).toBe('');
    expect(ms).toBeGreaterThanOrEqual(20_000);
    expect(ms).toBeLessThan(22_000);
  });

  test('are named when they never are, with the limit', async () => {
    const { failure } = await waited([attached('vol-db', 'old')]);
    expect(failure).toContain('vol-db on old still attached');
    expect(failure).toContain('volume-timeout');
  });

  test('are not those of other nodes, nor of a DaemonSet, which stay', async () => {
    const { failure, ms } = await waited([attached('vol-db', 'new'), attached('vol-cni', 'old')]);
    expect([failure, ms]).toEqual(['', 0]);
  });
});
