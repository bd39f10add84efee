import type { Timeline, TimelineEvent } from './events.ts';

const width = 960;
const left = 250;
const rowHeight = 18;
const top = 64;
const colours = {
  old: '#f0b429',
  tainted: '#d64545',
  fresh: '#3f9142',
  text: '#334e68',
  grid: '#d9e2ec',
  traffic: '#2680c2',
  redis: '#87269f',
};

interface Bar {
  node: string;
  group: string;
  from: number;
  to: number;
  taintedAt: number | undefined;
  outdated: boolean;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The life of every node during the run, what the witnesses saw, and how it ended; plain SVG that GitHub shows. */
export function picture(timeline: Timeline, verdict: readonly { good: boolean; text: string }[]): string {
  const events = timeline.events;
  const end = Math.max(1, events.at(-1)?.at ?? 1);
  const x = (ms: number): number => left + (ms / end) * (width - left - 20);
  const bars = barsOf(events, end);
  const parts: string[] = [];
  const text = (at: number, y: number, content: string, extra = '') =>
    parts.push(`<text x="${at.toFixed(1)}" y="${y}" ${extra}>${escaped(content)}</text>`);

  text(
    16,
    26,
    verdict.every((v) => v.good) ? 'Every node replaced, nobody noticed' : 'A rehearsal that did not pass',
    'font-size="17" font-weight="600"',
  );
  for (let second = 0; second * 1000 <= end; second += tick(end)) {
    const at = x(second * 1000);
    parts.push(
      `<line x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${top - 14}" y2="${top + bars.length * rowHeight + 66}" stroke="${colours.grid}"/>`,
    );
    text(at, top - 18, `${second} s`, 'text-anchor="middle" font-size="10"');
  }
  for (const [i, bar] of bars.entries()) {
    const y = top + i * rowHeight;
    text(16, y + 12, `${bar.group.padEnd(8)} ${bar.node.split('.')[0]}`, 'font-size="11"');
    const segment = (from: number, to: number, fill: string) =>
      parts.push(
        `<rect x="${x(from).toFixed(1)}" y="${y + 2}" width="${Math.max(1, x(to) - x(from)).toFixed(1)}" height="${rowHeight - 5}" rx="2" fill="${fill}"/>`,
      );
    segment(bar.from, bar.taintedAt ?? bar.to, bar.outdated ? colours.old : colours.fresh);
    if (bar.taintedAt !== undefined) segment(bar.taintedAt, bar.to, colours.tainted);
  }
  const below = top + bars.length * rowHeight + 14;
  rates(events, 'requests', below, colours.traffic, 'requests/s', parts, x, text);
  rates(events, 'writes', below + 26, colours.redis, 'Redis writes/s', parts, x, text);
  for (const [i, line] of verdict.entries())
    text(16, below + 76 + i * 16, `${line.good ? '✔' : '✘'} ${line.text}`, 'font-size="12"');
  legend(parts, text);
  const height = below + 76 + verdict.length * 16 + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, monospace" fill="${colours.text}">\n<rect width="100%" height="100%" fill="#ffffff"/>\n${parts.join('\n')}\n</svg>\n`;
}

const tick = (end: number): number => [5, 10, 20, 30, 60, 120].find((s) => end / 1000 / s <= 12) ?? 300;

function barsOf(events: readonly TimelineEvent[], end: number): Bar[] {
  const bars = new Map<string, Bar>();
  for (const event of events) {
    if (event.kind === 'node') {
      const known = bars.get(event.node);
      if (event.change === 'gone' && known) known.to = event.at;
      else if (!known)
        bars.set(event.node, {
          node: event.node,
          group: event.group,
          from: event.change === 'gone' ? 0 : event.at,
          to: event.change === 'gone' ? event.at : end,
          taintedAt: undefined,
          outdated: event.outdated,
        });
    }
    if (event.kind === 'taint' && event.change === 'added') {
      const bar = bars.get(event.node) ?? {
        node: event.node,
        group: '',
        from: 0,
        to: end,
        taintedAt: undefined,
        outdated: true,
      };
      bars.set(event.node, bar);
      if (event.effect === 'NoSchedule') bar.taintedAt ??= event.at;
    }
    if (event.kind === 'node') {
      const bar = bars.get(event.node);
      if (bar && !bar.group) bar.group = event.group;
    }
  }
  return [...bars.values()].sort(
    (a, b) => Number(b.outdated) - Number(a.outdated) || a.from - b.from || a.to - b.to,
  );
}

function rates(
  events: readonly TimelineEvent[],
  what: 'requests' | 'writes',
  y: number,
  colour: string,
  label: string,
  parts: string[],
  x: (ms: number) => number,
  text: (at: number, y: number, content: string, extra?: string) => void,
): void {
  const samples = events.flatMap((e) => (e.kind === 'traffic' ? [{ at: e.at, n: e[what] }] : []));
  const points = samples.slice(1).map((s, i) => ({
    at: s.at,
    rate: ((s.n - (samples[i]?.n ?? 0)) * 1000) / Math.max(1, s.at - (samples[i]?.at ?? 0)),
  }));
  const most = Math.max(1, ...points.map((p) => p.rate));
  if (points.every((p) => p.rate === 0)) return;
  const line = points
    .map((p) => `${x(p.at).toFixed(1)},${(y + 20 - (p.rate / most) * 18).toFixed(1)}`)
    .join(' ');
  parts.push(`<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>`);
  text(16, y + 16, `${label} (up to ${Math.round(most)})`, 'font-size="11"');
}

function legend(
  parts: string[],
  text: (at: number, y: number, content: string, extra?: string) => void,
): void {
  for (const [i, [name, colour]] of [
    ['old image', colours.old],
    ['takes no new pods', colours.tainted],
    ['new image', colours.fresh],
  ].entries()) {
    const at = 470 + i * 150;
    parts.push(`<rect x="${at}" y="16" width="12" height="12" rx="2" fill="${colour}"/>`);
    text(at + 18, 26, name ?? '', 'font-size="11"');
  }
}
