import type { Pod, Taint, Toleration } from './objects.ts';

/** Whether one toleration covers one taint (https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/). */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (!toleration.key) return toleration.operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

/** The taints of the given effects that the pod does not tolerate. */
export function untolerated(
  pod: Pod['spec'],
  taints: readonly Taint[],
  effects: readonly Taint['effect'][],
): Taint[] {
  return taints.filter(
    (taint) => effects.includes(taint.effect) && !(pod.tolerations ?? []).some((t) => tolerates(t, taint)),
  );
}
