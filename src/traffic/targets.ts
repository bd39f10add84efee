import { readEntries } from '../document.ts';

/** One service to watch. */
export interface TrafficTarget {
  name: string;
  url: string;
  method: string;
  headers: Record<string, string>;
  body: string;
  /** Inclusive range of good status codes. */
  expect: { from: number; to: number };
  timeoutMs: number;
}

const known = ['name', 'url', 'method', 'headers', 'body', 'expect-status', 'timeout'];

/**
 * Reads the YAML document of the `targets` input: a list of
 * `{name, url, method?, headers?, body?, expect-status?: 200-399, timeout?: 2s}`.
 * @throws Error that lists every problem.
 */
export function parseTargets(document: unknown): TrafficTarget[] {
  return readEntries(document, 'a list of {name, url}', known, (entry) => {
    const url = entry.text('url');
    if (url && !/^https?:\/\/[^/]+/.test(url))
      entry.problem(`url: got ${JSON.stringify(url)}, expected http://… or https://…`);
    const status = /^(\d{3})(?:-(\d{3}))?$/.exec(String(entry.value('expect-status') ?? '200-399'));
    if (!status)
      entry.problem(
        `expect-status: got ${JSON.stringify(entry.value('expect-status'))}, expected 200 or 200-399`,
      );
    const timeout = /^(\d+)(ms|s)$/.exec(String(entry.value('timeout') ?? '5s'));
    if (!timeout)
      entry.problem(`timeout: got ${JSON.stringify(entry.value('timeout'))}, expected 500ms or 5s`);
    return {
      name: entry.text('name'),
      url,
      method: entry.text('method', 'GET').toUpperCase(),
      headers: (entry.value('headers') ?? {}) as Record<string, string>,
      body: entry.text('body', ''),
      expect: { from: Number(status?.[1] ?? 200), to: Number(status?.[2] ?? status?.[1] ?? 399) },
      timeoutMs: Number(timeout?.[1] ?? 5) * (timeout?.[2] === 'ms' ? 1 : 1000),
    };
  });
}
