/** One Kubernetes release that can be built from the published Go modules, with the etcd that goes with it. */
export interface Release {
  kubernetes: string;
  etcd: string;
}

/**
 * The newest and the oldest minor that EKS supported on 2026-11-21, extended support included:
 * https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html.
 */
export const releases = {
  newest: { kubernetes: '1.36.3', etcd: '3.6.16' },
  oldest: { kubernetes: '1.31.0', etcd: '3.6.16' },
} satisfies Record<string, Release>;

export type ReleaseName = keyof typeof releases;

/** By `newest`, `oldest` or minor, for example `1.31`. @throws Error for another one. */
export function releaseOf(name: string): Release {
  const found = Object.entries(releases).find(
    ([key, { kubernetes }]) => key === name || kubernetes.startsWith(`${name}.`),
  );
  if (found) return found[1];
  const minors = Object.values(releases).map((r) => r.kubernetes.replace(/\.\d+$/, ''));
  throw new Error(`There is no control plane ${name}; expected newest, oldest, ${minors.join(' or ')}.`);
}
