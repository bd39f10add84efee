import { Histogram } from './histogram.ts';
import type { Block } from './record.ts';

/** The logarithm of the gamma function (Lanczos, g = 7). */
function logGamma(x: number): number {
  const c = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const y = x - 1;
  const sum = c.slice(1).reduce((a, v, i) => a + v / (y + i + 1), c[0] ?? 0);
  const t = y + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The regularised incomplete beta function, by its continued fraction (Lentz). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front =
    Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) / a;
  const tiny = 1e-300;
  let c = 1;
  let d = 1 - ((a + b) * x) / (a + 1);
  d = 1 / (Math.abs(d) < tiny ? tiny : d);
  let f = d;
  for (let m = 1; m < 500; m++) {
    for (const numerator of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 + numerator * d;
      d = 1 / (Math.abs(d) < tiny ? tiny : d);
      c = 1 + numerator / c;
      if (Math.abs(c) < tiny) c = tiny;
      f *= d * c;
    }
    if (Math.abs(d * c - 1) < 1e-12) break;
  }
  return front * f;
}

/**
 * The exact one-sided upper (or lower) bound of a failure rate after `failures` of `n` (Clopper-Pearson); exact matters
 * here, because at 0 failures the usual approximation is 10 % too small.
 */
export function failureBound(
  failures: number,
  n: number,
  side: 'upper' | 'lower',
  confidence = 0.95,
): number {
  if (n === 0) return side === 'upper' ? 1 : 0;
  if (side === 'upper' && failures >= n) return 1;
  if (side === 'lower' && failures === 0) return 0;
  const [a, b] = side === 'upper' ? [failures + 1, n - failures] : [failures, n - failures + 1];
  const wanted = side === 'upper' ? confidence : 1 - confidence;
  let [low, high] = [0, 1];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle, a, b) < wanted) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

const draws = 300;

/** The 95 % interval of the ratio of a quantile, by drawing whole blocks: neighbouring requests are not independent. */
export function ratioInterval(
  before: readonly Block[],
  after: readonly Block[],
  q: number,
): { ratio: number; low: number; high: number } {
  const quantile = (blocks: readonly Block[]): number => {
    const all = new Histogram();
    for (const block of blocks) all.merge(new Histogram(block.latency));
    return all.quantile(q);
  };
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const redraw = (blocks: readonly Block[]): Block[] =>
    blocks.map(() => blocks[Math.floor(random() * blocks.length)] as Block);
  const ratios = Array.from({ length: draws }, () => quantile(redraw(after)) / quantile(redraw(before)))
    .filter(Number.isFinite)
    .sort((x, y) => x - y);
  return {
    ratio: quantile(after) / quantile(before),
    low: ratios[Math.floor(ratios.length * 0.025)] ?? Number.NaN,
    high: ratios[Math.floor(ratios.length * 0.975)] ?? Number.NaN,
  };
}
