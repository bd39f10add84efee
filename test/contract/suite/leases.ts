import { describe, expect, test } from '@jest/globals';
import { useSpace } from '../space.ts';
import type { Target } from '../target.ts';

const at = (second: number): string => `2026-01-05T09:00:0${second}.000000Z`;

export function leases(target: () => Target): void {
  describe('Leases', () => {
    const space = useSpace(target);
    const make = () =>
      space().make('leases', {
        metadata: { name: 'run' },
        spec: { holderIdentity: 'one', leaseDurationSeconds: 30, renewTime: at(0) },
      });

    test('are taken by whoever writes first', async () => {
      const first = await make();
      expect(first.spec.renewTime).toBe(at(0));
      expect((await space().post('leases', { metadata: { name: 'run' } })).status).toBe(409);
      const taken = { ...first, spec: { ...first.spec, holderIdentity: 'two', renewTime: at(1) } };
      expect((await space().put('leases', taken)).status).toBe(200);
      const late = { ...first, spec: { ...first.spec, holderIdentity: 'three', renewTime: at(2) } };
      expect((await space().put('leases', late)).status).toBe(409);
      expect((await space().get('leases', 'run')).spec.holderIdentity).toBe('two');
    });

    test('are only replaced by someone who names the version', async () => {
      const { spec } = await make();
      const answer = await space().put('leases', { metadata: { name: 'run' }, spec } as never);
      expect(answer.status).toBe(422);
      expect(answer.body.details.causes[0]).toMatchObject({ field: 'metadata.resourceVersion' });
    });

    test('want six digits after the second', async () => {
      const { status } = await space().post('leases', {
        metadata: { name: 'run' },
        spec: { renewTime: '2026-01-05T09:00:00.000Z' },
      });
      expect(status).toBe(400);
    });

    test('want a positive duration', async () => {
      const { status, body } = await space().post('leases', {
        metadata: { name: 'run' },
        spec: { leaseDurationSeconds: 0 },
      });
      expect(status).toBe(422);
      expect(body.details.causes[0].field).toBe('spec.leaseDurationSeconds');
    });
  });
}
