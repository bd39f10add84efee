import { describe, expect, test } from '@jest/globals';
import { useSpace } from '../space.ts';
import type { Target } from '../target.ts';

export function data(target: () => Target): void {
  describe('ConfigMaps', () => {
    const space = useSpace(target);

    test('keep text and bytes as they are', async () => {
      const given = {
        data: { text: 'ä\n"b"' },
        binaryData: { bytes: Buffer.from([0, 255, 1]).toString('base64') },
      };
      await space().make('configmaps', { metadata: { name: 'a' }, ...given });
      expect(await space().get('configmaps', 'a')).toMatchObject(given);
    });

    test('take bytes as base64 only', async () => {
      const { status } = await space().post('configmaps', {
        metadata: { name: 'a' },
        binaryData: { bytes: 'not base64!' },
      });
      expect(status).toBe(400);
    });

    test('hold one mebibyte and no more', async () => {
      const text = 'x'.repeat(1024 * 1024);
      expect((await space().post('configmaps', { metadata: { name: 'a' }, data: { text } })).status).toBe(
        201,
      );
      const { status, body } = await space().post('configmaps', {
        metadata: { name: 'b' },
        data: { text: `${text}x` },
      });
      expect(status).toBe(422);
      expect(body.details.causes[0].reason).toBe('FieldValueTooLong');
    });

    test('want keys of letters, digits, dots, dashes and underscores', async () => {
      const { status } = await space().post('configmaps', { metadata: { name: 'a' }, data: { 'a/b': 'c' } });
      expect(status).toBe(422);
    });

    test('that are immutable cannot be changed', async () => {
      await space().make('configmaps', { metadata: { name: 'a' }, immutable: true, data: { n: '0' } });
      expect((await space().patch('configmaps', 'a', { data: { n: '1' } })).status).toBe(422);
      expect((await space().get('configmaps', 'a')).data.n).toBe('0');
    });
  });
}
