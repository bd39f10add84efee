import type { Deployment, EndpointSlice, PersistentVolumeClaim, Pod } from '../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../cluster/pods.ts';
import { describeDuration, names } from '../text.ts';
import type { Context } from './context.ts';
import type { HoldsBack, SkippedNode } from './drain.ts';
import { notSettledBecause, scaleBack, surgedEntries, waitUntilSettled } from './scale-back.ts';
import { isOf, scaleUp, usualReplicas } from './scale-up.ts';
import { deploymentOf, type SurgeDecision, surgeAnnotation, surgeDecisions } from './surge-decision.ts';
import type { Workloads } from './workloads.ts';

export { canSurge, deploymentOf, deploymentsToSurge } from './surge-decision.ts';

/**
 * Gives each Deployment that the eviction from these nodes would interrupt, or that its budget would hold, one replica more
 * for the time of the drain. The old count is in the journal first and `putBack` restores it.
 */
export async function surgeDeployments(
  context: Context,
  nodes: readonly string[],
  workloads: Workloads,
): Promise<AdditionalReplicas> {
  const { journal, settings, say } = context;
  const given: SurgeDecision[] = [];
  if (settings.rolloutSurge === 'off') return new AdditionalReplicas(context, nodes, given);
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
  return new AdditionalReplicas(context, nodes, given);
}

/**
 * Holds back the pods of surged Deployments until the additional replica serves on a node that stays, and load balancers have
 * had settle-time to learn of it. All other pods may leave meanwhile.
 */
export class AdditionalReplicas implements HoldsBack {
  readonly #context: Context;
  readonly #leaving: ReadonlySet<string>;
  readonly #given: readonly SurgeDecision[];
  readonly #since: number;
  readonly #lacking = new Map<SurgeDecision, string>();
  readonly #servesSince = new Map<SurgeDecision, number>();
  readonly #released = new Set<SurgeDecision>();

  constructor(context: Context, leaving: readonly string[], given: readonly SurgeDecision[]) {
    this.#context = context;
    this.#leaving = new Set(leaving);
    this.#given = given;
    this.#since = context.clock.now();
    for (const one of given) this.#lacking.set(one, 'it has just been asked for');
  }

  /** Those that have one replica more. */
  get deployments(): Deployment[] {
    return this.#given.map((g) => g.deployment);
  }

  get longestMs(): number {
    const { settings } = this.#context;
    return this.#given.length > 0 ? settings.timeouts.rollout + settings.settleMs : 0;
  }

  async look(): Promise<void> {
    const { kubernetes, clock, settings, say } = this.#context;
    const open = this.#given.filter((g) => !this.#released.has(g));
    for (const namespace of new Set(open.map((g) => g.deployment.metadata.namespace ?? ''))) {
      const [pods, slices] = await Promise.all([
        kubernetes.list('pods', { namespace }),
        kubernetes.list('endpointslices', { namespace }),
      ]);
      for (const one of open.filter((g) => g.deployment.metadata.namespace === namespace)) {
        const why = notServingBecause(one.deployment, pods.items, slices.items, this.#leaving);
        if (why) {
          this.#lacking.set(one, why);
          this.#servesSince.delete(one);
          continue;
        }
        this.#lacking.delete(one);
        const since = this.#servesSince.get(one);
        if (since === undefined) {
          this.#servesSince.set(one, clock.now());
          if (settings.settleMs > 0)
            say(
              `The additional replica of ${nameOf(one.deployment)} serves; giving load balancers ${describeDuration(settings.settleMs)} (settle-time) to learn of it.`,
            );
        }
        if (clock.now() - (since ?? clock.now()) >= settings.settleMs) this.#released.add(one);
      }
    }
  }

  heldBack(pod: Pod): string | undefined {
    const one = this.#given.find((g) => !this.#released.has(g) && isOf(g.deployment, pod));
    if (!one) return undefined;
    const why = this.#lacking.get(one) ?? 'load balancers are given time to learn of it';
    return `it leaves once the additional replica of ${nameOf(one.deployment)} serves: ${why}`;
  }

  async givenUp(pods: readonly Pod[]): Promise<SkippedNode[]> {
    const { clock, settings } = this.#context;
    if (clock.now() - this.#since < settings.timeouts.rollout) return [];
    const found = new Map<string, string[]>();
    for (const [one, lacking] of this.#lacking) {
      const why = await explained(this.#context, one, lacking);
      for (const node of new Set(
        pods.filter((p) => isOf(one.deployment, p)).map((p) => p.spec.nodeName ?? ''),
      ))
        found.set(node, [...(found.get(node) ?? []), why]);
    }
    return [...found].map(([node, why]) => ({ node, why }));
  }
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

/** What a person can do about an additional replica that does not come. */
async function explained(
  { kubernetes, settings }: Context,
  decision: SurgeDecision,
  lacking: string,
): Promise<string> {
  const { deployment, autoscaler } = decision;
  const { namespace = '', name } = deployment.metadata;
  const usual = deployment.spec.replicas ?? 1;
  const present = await kubernetes.get('deployments', { namespace, name });
  const since = `after ${describeDuration(settings.timeouts.rollout)} (rollout-timeout)`;
  const optOut =
    decision.why === 'blocked'
      ? 'or let its budget allow one disruption'
      : `or let it be away for a moment with the annotation ${surgeAnnotation}: "false"`;
  if ((present?.spec.replicas ?? 1) <= usual)
    return autoscaler
      ? `${nameOf(deployment)} still has ${usual} replicas ${since}, though HorizontalPodAutoscaler ${autoscaler.metadata.name} was asked for one more. See whether it works, ${optOut}.`
      : `${nameOf(deployment)} has ${usual} replicas again ${since}: something sets them back. Have it ignore spec.replicas, ${optOut}.`;
  return `The additional replica of ${nameOf(deployment)} does not serve ${since}: ${lacking}. See why its newest pod is not ready, ${optOut}.`;
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
