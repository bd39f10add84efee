import type { Deployment, EndpointSlice, PersistentVolumeClaim, Pod } from '../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../cluster/pods.ts';
import { describeDuration, names } from '../text.ts';
import { type Look, pause, WaitTimeout, waitUntil } from '../wait.ts';
import type { Context } from './context.ts';
import { notSettledBecause, scaleBack, surgedEntries, waitUntilSettled } from './scale-back.ts';
import { isOf, scaleUp, usualReplicas } from './scale-up.ts';
import { deploymentOf, type SurgeDecision, surgeAnnotation, surgeDecisions } from './surge-decision.ts';
import type { Workloads } from './workloads.ts';

export { canSurge, deploymentOf, deploymentsToSurge } from './surge-decision.ts';

const pollMs = 500;

/** A Deployment whose additional replica did not come in time. */
export interface Stuck {
  deployment: Deployment;
  why: string;
}

export interface Surged {
  /** Those that have their additional replica now. */
  deployments: Deployment[];
  stuck: Stuck[];
}

/**
 * Gives each Deployment that the eviction from these nodes would interrupt, or that its budget would hold, one replica more
 * for the time of the drain, and waits until it serves on a node that stays. The old count is in the journal first and
 * `putBack` restores it.
 */
export async function surgeDeployments(
  context: Context,
  nodes: readonly string[],
  workloads: Workloads,
): Promise<Surged> {
  const { journal, clock, signal, settings, say } = context;
  if (settings.rolloutSurge === 'off') return { deployments: [], stuck: [] };
  const leaving = workloads.pods.filter((p) => nodes.includes(p.spec.nodeName ?? ''));
  const usual = workloads.deployments.map((d) => ({
    ...d,
    spec: { ...d.spec, replicas: usualReplicas(journal, d) },
  }));
  const decide = (claims: PersistentVolumeClaim[]) =>
    surgeDecisions(leaving, workloads.budgets, workloads.replicaSets, usual, {
      autoscalers: workloads.autoscalers,
      claims,
    });
  const claims = await claimsOf(context, leaving, workloads, decide([]));
  const given: SurgeDecision[] = [];
  for (const decision of decide(claims)) {
    if (decision.refused) {
      say(refusal(decision));
      continue;
    }
    const { uid } = decision.deployment.metadata;
    await scaleUp(
      context,
      decision,
      workloads.deployments.find((d) => d.metadata.uid === uid),
    );
    given.push(decision);
  }
  if (given.length === 0) return { deployments: [], stuck: [] };
  const stuck = await waitUntilServing(context, nodes, given);
  if (settings.settleMs > 0 && stuck.length < given.length) {
    say(
      `Giving load balancers ${describeDuration(settings.settleMs)} (settle-time) to learn of the additional replicas.`,
    );
    await pause(settings.settleMs, {
      what: 'load balancers to learn of additional replicas',
      say,
      clock,
      signal,
    });
  }
  return { deployments: given.map((d) => d.deployment), stuck };
}

const nameOf = ({ metadata }: Deployment): string => `Deployment ${metadata.namespace}/${metadata.name}`;

const refusal = ({ deployment, why, refused }: SurgeDecision): string =>
  why === 'blocked'
    ? `${nameOf(deployment)} gets no replica more, because ${refused}; its budget refuses to let its pods go.`
    : `${nameOf(deployment)} gets no replica more, because ${refused}; it is away until its pod is ready on another node.`;

/** The volume claims of the pods that are asked about. */
async function claimsOf(
  { kubernetes }: Context,
  pods: readonly Pod[],
  { replicaSets }: Workloads,
  decisions: readonly SurgeDecision[],
): Promise<PersistentVolumeClaim[]> {
  const asked = decisions.map((d) => d.deployment);
  const refs = pods
    .filter((p) => deploymentOf(p, replicaSets, asked))
    .flatMap((p) =>
      (p.spec.volumes ?? []).flatMap((v) =>
        v.persistentVolumeClaim
          ? [{ namespace: p.metadata.namespace ?? '', name: v.persistentVolumeClaim.claimName }]
          : [],
      ),
    );
  const found = await Promise.all(refs.map((ref) => kubernetes.get('persistentvolumeclaims', ref)));
  return found.flatMap((claim) => claim ?? []);
}

/** Waits for all additional replicas at the same time; returns those that did not come within rollout-timeout. */
async function waitUntilServing(
  context: Context,
  nodes: readonly string[],
  surged: readonly SurgeDecision[],
): Promise<Stuck[]> {
  const { kubernetes, clock, signal, settings, say } = context;
  const namespaces = [...new Set(surged.map((s) => s.deployment.metadata.namespace ?? ''))];
  const leaving = new Set(nodes);
  let lacking: Stuck[] = [];
  const look = async (): Promise<Look<Stuck[]>> => {
    const lists = await Promise.all(
      namespaces.map(async (namespace) => {
        const [pods, slices] = await Promise.all([
          kubernetes.list('pods', { namespace }),
          kubernetes.list('endpointslices', { namespace }),
        ]);
        return { pods: pods.items, slices: slices.items };
      }),
    );
    const pods = lists.flatMap((l) => l.pods);
    const slices = lists.flatMap((l) => l.slices);
    lacking = surged.flatMap(({ deployment }) => {
      const why = notServingBecause(deployment, pods, slices, leaving);
      return why ? [{ deployment, why }] : [];
    });
    if (lacking.length === 0) return { done: [] };
    return { waiting: names(lacking.map((l) => `${nameOf(l.deployment)}: ${l.why}`)) };
  };
  try {
    return await waitUntil(look, {
      what: 'the additional replicas',
      timeoutName: 'rollout-timeout',
      timeoutMs: settings.timeouts.rollout,
      pollMs,
      say,
      clock,
      signal,
      wake: context.changed,
    });
  } catch (error) {
    if (!(error instanceof WaitTimeout)) throw error;
    return Promise.all(lacking.map(async (l) => ({ ...l, why: await explained(context, l, surged) })));
  }
}

/** What a person can do about an additional replica that does not come. */
async function explained(
  { kubernetes, settings }: Context,
  { deployment, why }: Stuck,
  surged: readonly SurgeDecision[],
): Promise<string> {
  const { namespace = '', name } = deployment.metadata;
  const usual = deployment.spec.replicas ?? 1;
  const present = await kubernetes.get('deployments', { namespace, name });
  const since = `after ${describeDuration(settings.timeouts.rollout)} (rollout-timeout)`;
  const decision = surged.find((s) => s.deployment === deployment);
  const autoscaler = decision?.autoscaler;
  const optOut =
    decision?.why === 'blocked'
      ? 'or let its budget allow one disruption'
      : `or let it be away for a moment with the annotation ${surgeAnnotation}: "false"`;
  if ((present?.spec.replicas ?? 1) <= usual)
    return autoscaler
      ? `${nameOf(deployment)} still has ${usual} replicas ${since}, though HorizontalPodAutoscaler ${autoscaler.metadata.name} was asked for one more. See whether it works, ${optOut}.`
      : `${nameOf(deployment)} has ${usual} replicas again ${since}: something sets them back. Have it ignore spec.replicas, ${optOut}.`;
  return `The additional replica of ${nameOf(deployment)} does not serve ${since}: ${why}. See why its newest pod is not ready, ${optOut}.`;
}

/**
 * What is lacking before a pod of the surged Deployment may leave; undefined when nothing: so many ready on nodes that stay
 * that one of those on leaving nodes is one too many, each listed by every Service that lists one of the old.
 * @param deployment with its usual replicas
 */
export function notServingBecause(
  deployment: Deployment,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
  leaving: ReadonlySet<string>,
): string | undefined {
  const usual = deployment.spec.replicas ?? 1;
  const active = pods.filter((p) => isOf(deployment, p) && !isTerminating(p) && !isFinished(p));
  const old = active.filter((p) => leaving.has(p.spec.nodeName ?? ''));
  const ready = active.filter((p) => !old.includes(p) && isReady(p));
  const lists = (slice: EndpointSlice, pod: Pod): boolean =>
    slice.metadata.namespace === pod.metadata.namespace &&
    slice.endpoints.some((e) => e.targetRef?.uid === pod.metadata.uid && e.conditions?.ready !== false);
  const serviceOf = (slice: EndpointSlice): string =>
    slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
  const services = new Set(slices.filter((s) => old.some((p) => lists(s, p))).map(serviceOf));
  const serving = ready.filter((p) =>
    [...services].every((service) => slices.some((s) => serviceOf(s) === service && lists(s, p))),
  );
  const needed = Math.max(1, Math.min(usual, usual + 1 - old.length));
  if (serving.length >= needed) return undefined;
  return ready.length >= needed
    ? `${ready.length} ready on nodes that stay, but Service ${names([...services])} does not list ${needed} of them yet`
    : `${ready.length} of ${needed} ready on nodes that stay`;
}

/** Back to the old count as soon as the last pod on these nodes has gone and been replaced; asks nothing while one is there. */
export async function putBackSoon(
  context: Context,
  deployments: readonly Deployment[],
  nodes: readonly string[],
  present: readonly Pod[],
): Promise<void> {
  for (const entry of surgedEntries(context.journal)) {
    const deployment = deployments.find(
      (d) => d.metadata.namespace === entry.namespace && d.metadata.name === entry.name,
    );
    if (!deployment || present.some((p) => isOf(deployment, p) && !isTerminating(p))) continue;
    const { items } = await context.kubernetes.list('pods', { namespace: entry.namespace });
    if (notSettledBecause(deployment, entry.usual, items, new Set(nodes)) === undefined)
      context.say(`${await scaleBack(context, entry)}.`);
  }
}

/** Back to the old count once no pod of the Deployment is on a node that leaves and enough are ready elsewhere. */
export async function putBack(context: Context, nodes: readonly string[]): Promise<void> {
  for (const entry of surgedEntries(context.journal)) {
    const { namespace, name, usual } = entry;
    const deployment = await context.kubernetes.get('deployments', { namespace, name });
    const replicas = deployment?.spec.replicas ?? 1;
    // Fewer than before is cluster-autoscaler, which comes back at the very end.
    if (!deployment || replicas < usual) continue;
    if (replicas > usual)
      await waitUntilSettled(context, entry, deployment, new Set(nodes), context.settings.timeouts.rollout);
    context.say(`${await scaleBack(context, entry)}.`);
  }
}
