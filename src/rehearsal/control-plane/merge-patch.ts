import { sameJson } from '../kubernetes/json.ts';

type Fields = Record<string, unknown>;

/** The JSON merge patch (RFC 7386) that turns one object into another; undefined when they are equal. */
export function mergePatch(before: Fields, after: Fields): Fields | undefined {
  const patch: Fields = {};
  for (const key of Object.keys(before)) if (after[key] === undefined) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    const old = before[key];
    if (value === undefined || sameJson(old, value)) continue;
    patch[key] = isFields(old) && isFields(value) ? mergePatch(old, value) : value;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
