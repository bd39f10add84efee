/** Each bucket is this much wider than the one before: quantiles are right to within 2.5 %. */
const growth = 1.05;

/** A mergeable histogram of milliseconds with logarithmic buckets; serialises to plain counts per bucket. */
export class Histogram {
  readonly counts: Map<number, number>;
  total = 0;

  constructor(counts: Record<string, number> = {}) {
    this.counts = new Map(Object.entries(counts).map(([bucket, n]) => [Number(bucket), n]));
    for (const n of this.counts.values()) this.total += n;
  }

  add(ms: number): void {
    const bucket = Math.round(Math.log(Math.max(ms, 0.01)) / Math.log(growth));
    this.counts.set(bucket, (this.counts.get(bucket) ?? 0) + 1);
    this.total++;
  }

  merge(other: Histogram): this {
    for (const [bucket, n] of other.counts) this.counts.set(bucket, (this.counts.get(bucket) ?? 0) + n);
    this.total += other.total;
    return this;
  }

  /** The value below which the share `q` lies; NaN when empty. */
  quantile(q: number): number {
    let seen = 0;
    for (const [bucket, n] of [...this.counts].sort(([a], [b]) => a - b)) {
      seen += n;
      if (seen >= q * this.total) return growth ** bucket;
    }
    return Number.NaN;
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this.counts);
  }
}
