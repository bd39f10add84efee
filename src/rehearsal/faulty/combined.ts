import type { Fault } from '../faults/fault.ts';

/** Several faults at once: of those that would answer, the first one does; delays add up. */
export function combined(faults: readonly Fault[]): Fault {
  const first = <T>(answers: (fault: Fault) => T | undefined): T | undefined => {
    for (const fault of faults) {
      const answer = answers(fault);
      if (answer !== undefined) return answer;
    }
    return undefined;
  };
  const sum = (numbers: (fault: Fault) => number | undefined): number =>
    faults.reduce((total, fault) => total + (numbers(fault) ?? 0), 0);
  return {
    name: faults.map((f) => f.name).join(' + '),
    what: faults.map((f) => f.what).join('; '),
    manifests: (present) => faults.reduce((all, f) => f.manifests?.(all) ?? all, present),
    account: (description) => {
      for (const fault of faults) fault.account?.(description);
    },
    neverJoins: (machine) => faults.some((f) => f.neverJoins?.(machine)),
    bootDelayMs: (machine) => sum((f) => f.bootDelayMs?.(machine)),
    startDelayMs: (pod) => sum((f) => f.startDelayMs?.(pod)),
    launchFailure: (...where) => first((f) => f.launchFailure?.(...where)),
    kubernetes: (...asked) => first((f) => f.kubernetes?.(...asked)),
    aws: (...asked) => first((f) => f.aws?.(...asked)),
    staleMs: (...asked) => Math.max(0, ...faults.map((f) => f.staleMs?.(...asked) ?? 0)),
    watchMs: (random) => Math.min(...faults.map((f) => f.watchMs?.(random) ?? Number.POSITIVE_INFINITY)),
    happens: (scene) => {
      for (const fault of faults) fault.happens?.({ ...scene, random: scene.random.fork() });
    },
    ends: (scene) => {
      for (const fault of faults) fault.ends?.(scene);
    },
    inputs: Object.assign({}, ...faults.map((f) => f.inputs ?? {})),
    explained: {
      byWords: faults.flatMap((f) => f.explained.byWords),
      conclusion: faults.some((f) => f.explained.conclusion === 'failure') ? 'failure' : 'success',
    },
  };
}
