import { gunzipSync, gzipSync } from 'node:zlib';
import type { ConfigMap } from '../cluster/objects.ts';

const key = 'journal';
const packedKey = 'journal.gz';
/**
 * A ConfigMap holds 1 MiB (https://kubernetes.io/docs/concepts/configuration/configmap/#motivation). People read a smaller
 * journal with kubectl; that of a large cluster has its plan of thousands of nodes in it, and is packed to a tenth.
 */
const readableBytes = 256 * 1024;

/** What a ConfigMap keeps of a journal, beside what else is in it. */
export function stored(
  { data, binaryData }: Pick<ConfigMap, 'data' | 'binaryData'>,
  content: object,
): Pick<ConfigMap, 'data' | 'binaryData'> {
  const { [key]: _text, ...others } = data ?? {};
  const { [packedKey]: _bytes, ...otherBytes } = binaryData ?? {};
  const text = JSON.stringify(content);
  return Buffer.byteLength(text) <= readableBytes
    ? { data: { ...others, [key]: text }, binaryData: otherBytes }
    : { data: others, binaryData: { ...otherBytes, [packedKey]: gzipSync(text).toString('base64') } };
}

/** The other way round. */
export function readStored({ data, binaryData }: Pick<ConfigMap, 'data' | 'binaryData'>): object {
  const packed = binaryData?.[packedKey];
  const text = packed ? gunzipSync(Buffer.from(packed, 'base64')).toString('utf8') : (data?.[key] ?? '{}');
  return JSON.parse(text) as object;
}
