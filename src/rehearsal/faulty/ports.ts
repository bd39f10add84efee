import { awsError } from '../../aws/errors.ts';
import type { Clock } from '../../clock.ts';
import { type Aws, type Kubernetes, KubernetesError } from '../../cluster/ports.ts';
import { pathOf, type Resource } from '../../cluster/resources.ts';
import { evictionAnswer } from '../../kubernetes/errors.ts';
import { mayCreateAgain, patienceMs, retrying } from '../../kubernetes/retry.ts';
import type { FaultAtWork } from './at-work.ts';

/** As over a wire: every request may be refused, and what can help is sent again as the engine's own client does. */
export function faultyKubernetes(port: Kubernetes, fault: FaultAtWork, clock: Clock): Kubernetes {
  const never = new AbortController().signal;
  const ask = (method: string, path: string, watch = false): void => {
    const refusal = fault.kubernetes({ method, path, watch });
    if (refusal === 'no connection')
      throw Object.assign(new Error('connect ECONNREFUSED 10.100.0.1:443'), { code: 'ECONNREFUSED' });
    if (!refusal) return;
    const { status, reason, message, retryAfterSeconds } = refusal;
    throw new KubernetesError(status, reason, `${method} ${path}: ${message}`, [], retryAfterSeconds);
  };
  const sent = <T>(method: string, path: string, send: () => Promise<T>, idempotent = true): Promise<T> =>
    retrying(
      {
        clock,
        signal: never,
        idempotent,
        patienceMs: () => patienceMs.known,
        onFailure: () => {},
      },
      async () => {
        ask(method, path);
        return send();
      },
    );
  const of = (resource: Resource, object: { metadata: { namespace?: string; name: string } }) =>
    pathOf(resource, object.metadata.namespace, object.metadata.name);
  return {
    ...port,
    get: (resource, ref) =>
      sent('GET', pathOf(resource, ref.namespace, ref.name), () => port.get(resource, ref)),
    list: (resource, query) =>
      sent('GET', pathOf(resource, query?.namespace), () => port.list(resource, query)),
    create: (resource, object) =>
      sent(
        'POST',
        pathOf(resource, object.metadata.namespace),
        () => port.create(resource, object),
        mayCreateAgain(object),
      ),
    update: (resource, object) => sent('PUT', of(resource, object), () => port.update(resource, object)),
    patch: (resource, ref, patch) =>
      sent('PATCH', pathOf(resource, ref.namespace, ref.name), () => port.patch(resource, ref, patch)),
    remove: (resource, ref, options) =>
      sent('DELETE', pathOf(resource, ref.namespace, ref.name), () => port.remove(resource, ref, options)),
    async evict(pod, options) {
      try {
        ask('POST', pathOf('pods', pod.namespace, pod.name, 'eviction'));
      } catch (error) {
        return error instanceof KubernetesError
          ? evictionAnswer(error)
          : { kind: 'busy', message: (error as Error).message };
      }
      return port.evict(pod, options);
    },
    async *watch(resource, query, signal, synced) {
      const path = pathOf(resource, query.namespace);
      // What happens while the connection is broken is seen late, and none of it is lost; a version that expired is listed again.
      const reconnect = async () => {
        while (!signal.aborted && !answers(() => ask('GET', path, true)))
          await clock.sleep(reconnectMs, signal).catch(() => {});
      };
      let until = Number.NEGATIVE_INFINITY;
      for await (const event of port.watch(resource, query, signal, synced)) {
        if (clock.now() >= until || !answers(() => ask('GET', path, true))) {
          if (Number.isFinite(until)) await clock.sleep(reconnectMs, signal).catch(() => {});
          await reconnect();
          until = clock.now() + fault.watchMs();
        }
        if (signal.aborted) return;
        yield event;
      }
    },
  };
}

const reconnectMs = 1000;

function answers(ask: () => void): boolean {
  try {
    ask();
    return true;
  } catch (error) {
    return error instanceof KubernetesError && error.status === 410;
  }
}

/** As the SDK is set up: so many attempts, each pause twice as long as the one before. */
const attempts = 10;
const pause = { firstMs: 100, longestMs: 20_000 };

const services: Partial<Record<keyof Aws, [service: string, action: string]>> = {
  groups: ['autoscaling', 'DescribeAutoScalingGroups'],
  instances: ['ec2', 'DescribeInstances'],
  activities: ['autoscaling', 'DescribeScalingActivities'],
  resize: ['autoscaling', 'UpdateAutoScalingGroup'],
  launch: ['autoscaling', 'LaunchInstances'],
  terminate: ['autoscaling', 'TerminateInstanceInAutoScalingGroup'],
  suspend: ['autoscaling', 'SuspendProcesses'],
  resume: ['autoscaling', 'ResumeProcesses'],
  launchSource: ['autoscaling', 'DescribeAutoScalingGroups'],
  launchFrom: ['autoscaling', 'UpdateAutoScalingGroup'],
  balancersAt: ['elasticloadbalancing', 'DescribeLoadBalancers'],
  deregister: ['elasticloadbalancing', 'DeregisterTargets'],
  register: ['elasticloadbalancing', 'RegisterTargets'],
  targetHealth: ['elasticloadbalancing', 'DescribeTargetHealth'],
  refreshInProgress: ['autoscaling', 'DescribeInstanceRefreshes'],
};

/** As over a wire: calls may be refused and are sent again, and a Describe may tell what was true some seconds ago. */
export function faultyAws(port: Aws, fault: FaultAtWork, clock: Clock): Aws {
  // A replica that lags behind answers the same for a while.
  const given = new Map<string, { at: number; answer: unknown }>();
  const call = async (name: keyof Aws, args: unknown[]): Promise<unknown> => {
    const [service, action] = services[name] ?? ['aws', name];
    for (let n = 1; ; n++) {
      const refusal = fault.aws({ service, action });
      if (!refusal) break;
      const again = refusal.status >= 500 || /Throttl|RequestLimitExceeded/.test(refusal.code);
      if (!again || n >= attempts) throw awsError(action, refusal.code, refusal.message);
      await clock.sleep(Math.min(pause.longestMs, pause.firstMs * 2 ** (n - 1)));
    }
    // How new an answer should be is for the engine's own memory.
    const question = JSON.stringify([name, name === 'groups' ? args[0] : args]);
    const staleMs = fault.staleMs({ service, action });
    const last = given.get(question);
    if (last && clock.now() - last.at < staleMs) return structuredClone(last.answer);
    const at = clock.now();
    const answer = await (port[name] as (...a: unknown[]) => Promise<unknown>)(...args);
    if (staleMs > 0 || !last) given.set(question, { at, answer: structuredClone(answer) });
    return answer;
  };
  return Object.fromEntries(
    (Object.keys(port) as (keyof Aws)[]).map((name) => [name, (...args: unknown[]) => call(name, args)]),
  ) as unknown as Aws;
}
