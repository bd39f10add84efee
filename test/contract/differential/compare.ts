import type { Scene } from './play.ts';

/** How two playings of the same world differ in the first scene that is not equal, then what led there; empty when they are. */
export function differences(a: readonly Scene[], b: readonly Scene[]): string[] {
  for (const [i, scene] of a.entries()) {
    const other = b[i];
    if (!other) return [`only one of them came to "${scene.action}"`];
    const found = [
      ...unequal(scene.answers, other.answers, 'answers'),
      ...unequal(scene.state, other.state, 'state'),
    ];
    if (found.length > 0) {
      const story = a.slice(0, i + 1).map((s) => `  ${s.action}`);
      return [...found, 'after', ...story];
    }
  }
  return [];
}

function unequal(a: unknown, b: unknown, path: string): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (isRecord(a) && isRecord(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => unequal(a[key], b[key], `${path}.${key}`));
  }
  return [`${path}: ${JSON.stringify(a)} here, ${JSON.stringify(b)} there`];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
