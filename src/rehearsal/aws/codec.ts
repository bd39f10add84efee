import { NormalizedSchema } from '@smithy/core/schema';

/** The protocols differ in how they name list items and members. */
export type Dialect = 'query' | 'ec2';

/** A schema object that the AWS SDK exports for each of its shapes. */
export type Schema = Parameters<typeof NormalizedSchema.of>[0];

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function nameInRequest(member: NormalizedSchema, name: string, dialect: Dialect): string {
  const traits = member.getMergedTraits();
  const xmlName = traits.xmlName as string | undefined;
  if (dialect === 'query') return xmlName ?? name;
  return (traits.ec2QueryName as string | undefined) ?? capital(xmlName ?? name);
}

/** Reads a form-encoded request into the input of an operation; the reverse of the SDK's serializer. */
export function decodeForm(schema: Schema, form: URLSearchParams, dialect: Dialect): unknown {
  const keys = [...form.keys()];
  const decode = (ns: NormalizedSchema, prefix: string): unknown => {
    if (ns.isStructSchema()) {
      const result: Record<string, unknown> = {};
      for (const [name, member] of ns.structIterator()) {
        const key = (prefix ? `${prefix}.` : '') + nameInRequest(member, name, dialect);
        if (!keys.some((k) => k === key || k.startsWith(`${key}.`))) continue;
        result[name] = decode(member, key);
      }
      return result;
    }
    if (ns.isListSchema()) {
      const item = ns.getValueSchema();
      const flat = dialect === 'ec2' || ns.getMergedTraits().xmlFlattened;
      const base = flat
        ? prefix
        : `${prefix}.${(item.getMergedTraits().xmlName as string | undefined) ?? 'member'}`;
      const items: unknown[] = [];
      for (let i = 1; keys.some((k) => k === `${base}.${i}` || k.startsWith(`${base}.${i}.`)); i++)
        items.push(decode(item, `${base}.${i}`));
      return items;
    }
    const text = form.get(prefix) ?? '';
    if (ns.isBooleanSchema()) return text === 'true';
    if (ns.isNumericSchema()) return Number(text);
    if (ns.isTimestampSchema()) return new Date(text);
    return text;
  };
  return decode(NormalizedSchema.of(schema), '');
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Writes the output of an operation as the XML members of its response. */
export function encodeXml(schema: Schema, value: unknown, dialect: Dialect): string {
  const encode = (ns: NormalizedSchema, data: unknown, tag: string): string => {
    if (data === undefined || data === null) return '';
    if (ns.isStructSchema()) return `<${tag}>${members(ns, data)}</${tag}>`;
    if (ns.isListSchema()) {
      const item = ns.getValueSchema();
      const itemTag =
        (item.getMergedTraits().xmlName as string | undefined) ?? (dialect === 'ec2' ? 'item' : 'member');
      const items = data as unknown[];
      if (ns.getMergedTraits().xmlFlattened) return items.map((i) => encode(item, i, tag)).join('');
      return `<${tag}>${items.map((i) => encode(item, i, itemTag)).join('')}</${tag}>`;
    }
    if (data instanceof Date) return `<${tag}>${data.toISOString()}</${tag}>`;
    return `<${tag}>${escaped(String(data))}</${tag}>`;
  };
  const members = (ns: NormalizedSchema, data: unknown): string => {
    let xml = '';
    for (const [name, member] of ns.structIterator()) {
      const tag = (member.getMergedTraits().xmlName as string | undefined) ?? name;
      xml += encode(member, (data as Record<string, unknown>)[name], tag);
    }
    return xml;
  };
  const ns = NormalizedSchema.of(schema);
  return ns.isStructSchema() ? members(ns, value) : '';
}
