import type { Pod } from '../../cluster/objects.ts';
import { isReady, isTerminating } from '../../cluster/pods.ts';
import { conditions, nodeObject, notReadyTaint } from './node-object.ts';
import { PodAgent, type PodAgentOptions } from './pod-agent.ts';

const leaseMs = 10_000;
const leaseNamespace = 'kube-node-lease';
const networkPlugin = 'aws-node';

/** One machine's kubelet: registers the Node, renews its lease, and runs an agent per pod. */
export class Kubelet {
  readonly #o: PodAgentOptions;
  readonly #agents = new Map<string, PodAgent>();
  #running = false;
  #cancelLease = () => {};

  constructor(options: PodAgentOptions) {
    this.#o = options;
  }

  get node(): string {
    return this.#o.machine.privateDnsName;
  }

  /** The kubelet starts: the Node appears, and what is assigned to it begins to run. */
  start(): void {
    this.#running = true;
    this.register();
    this.#renew();
    for (const pod of this.#o.store.list('pods', { fieldSelector: `spec.nodeName=${this.node}` }))
      this.podChanged(pod);
    this.#becomeReady();
  }

  halt(): void {
    this.#running = false;
    this.#cancelLease();
    for (const agent of this.#agents.values()) agent.halt();
    this.#agents.clear();
  }

  /** A kubelet whose Node object was deleted registers again. */
  register(): void {
    if (!this.#running || this.#o.store.get('nodes', { name: this.node })) return;
    this.#o.store.create('nodes', nodeObject(this.#o.machine, this.#o.clock.now()));
    const driver = {
      name: 'ebs.csi.aws.com',
      nodeID: this.#o.machine.instanceId,
      allocatable: { count: 26 },
    };
    if (!this.#o.store.get('csinodes', { name: this.node }))
      this.#o.store.create('csinodes', { metadata: { name: this.node }, spec: { drivers: [driver] } });
  }

  podChanged(pod: Pod): void {
    if (!this.#running) return;
    const uid = pod.metadata.uid ?? '';
    const agent = this.#agents.get(uid) ?? new PodAgent(this.#o, pod);
    this.#agents.set(uid, agent);
    agent.update(pod);
    if (pod.metadata.name.startsWith(networkPlugin)) this.#becomeReady();
  }

  podGone(pod: Pod): void {
    this.#agents.get(pod.metadata.uid ?? '')?.halt();
    this.#agents.delete(pod.metadata.uid ?? '');
  }

  addressOf(pod: Pod): string | undefined {
    return this.#agents.get(pod.metadata.uid ?? '')?.address;
  }

  /** A node is ready when its network is: when the CNI's pod runs here, or the cluster has no such DaemonSet. */
  #becomeReady(): void {
    const { store, clock } = this.#o;
    const wanted = store.get('daemonsets', { namespace: 'kube-system', name: networkPlugin }) !== undefined;
    const plugged = store
      .list('pods', { namespace: 'kube-system', fieldSelector: `spec.nodeName=${this.node}` })
      .some((p) => p.metadata.name.startsWith(networkPlugin) && isReady(p) && !isTerminating(p));
    if (wanted && !plugged) return;
    store.modify('nodes', { name: this.node }, (draft) => {
      if (draft.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True')) return;
      const taints = (draft.spec.taints ?? []).filter((t) => t.key !== notReadyTaint.key);
      if (taints.length > 0) draft.spec.taints = taints;
      else delete draft.spec.taints;
      draft.status = { ...draft.status, conditions: conditions(true, clock.now()) };
    });
  }

  #renew(): void {
    if (!this.#running) return;
    const renewTime = new Date(this.#o.clock.now()).toISOString();
    const ref = { namespace: leaseNamespace, name: this.node };
    const renewed = this.#o.store.modify('leases', ref, (draft) => {
      draft.spec.renewTime = renewTime;
    });
    if (!renewed)
      this.#o.store.create('leases', {
        metadata: ref,
        spec: { holderIdentity: this.node, leaseDurationSeconds: 40, renewTime },
      });
    this.#cancelLease = this.#o.clock.after(leaseMs, () => this.#renew());
  }
}
