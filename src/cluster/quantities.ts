const factors: Record<string, number> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The number a Kubernetes quantity means: `250m` is 0.25, `1Gi` is 1073741824. NaN when it cannot be read. */
export function quantity(text: string | undefined): number {
  const [, number = '', unit = ''] = /^([0-9.]+)([a-zA-Z]*)$/.exec(text ?? '0') ?? [];
  return Number(number || Number.NaN) * (factors[unit] ?? Number.NaN);
}

/** An absolute number or a percentage of a total, rounded as told (https://pkg.go.dev/k8s.io/apimachinery/pkg/util/intstr). */
export function scaled(value: number | string | undefined, total: number, round: 'up' | 'down'): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  if (!value.endsWith('%')) return Number(value);
  const exact = (Number(value.slice(0, -1)) * total) / 100;
  return round === 'up' ? Math.ceil(exact - 1e-9) : Math.floor(exact + 1e-9);
}
