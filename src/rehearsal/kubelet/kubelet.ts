import type { Node, Pod } from '../../cluster/objects.ts';
import { isFinished, isReady, isTerminating } from '../../cluster/pods.ts';
import { microTime } from '../../cluster/times.ts';
import { conditions, nodeObject } from './node-object.ts';
import { PodAgent, type PodAgentOptions } from './pod-agent.ts';

const leaseMs = 10_000;
/** How often the node's status is posted when nothing has changed (nodeStatusReportFrequency). */
const heartbeatMs = 300_000;
const leaseNamespace = 'kube-node-lease';
const networkPlugin = 'aws-node';

/** One machine's kubelet: registers the Node, renews its lease, and runs an agent per pod. */
export class Kubelet {
  readonly #o: PodAgentOptions;
  readonly #agents = new Map<string, PodAgent>();
  #running = false;
  /** The network plugin has run here; its configuration stays on the machine. */
  #plugged = false;
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
    for (const pod of this.#o.store.list('pods', { fieldSelector: `spec.nodeName=${this.node}` }))
      this.podChanged(pod);
  }

  halt(): void {
    this.#running = false;
    this.#cancelLease();
    for (const agent of this.#agents.values()) agent.halt();
    this.#agents.clear();
  }

  /** A kubelet whose Node object was deleted registers again. */
  register(): void {
    const { store, machine, clock, kubeletPort } = this.#o;
    if (!this.#running || store.get('nodes', { name: this.node })) return;
    store.create('nodes', nodeObject(machine, clock.now(), kubeletPort));
  }

  /** The API has the Node: what belongs to it follows. */
  registered(node: Node): void {
    const { store, machine } = this.#o;
    if (!this.#running) return;
    if (!store.get('csinodes', { name: this.node })) {
      const driver = { name: 'ebs.csi.aws.com', nodeID: machine.instanceId, allocatable: { count: 26 } };
      store.create('csinodes', {
        metadata: { name: this.node, ownerReferences: belongingTo(node) },
        spec: { drivers: [driver] },
      });
    }
    this.#beat();
  }

  podChanged(pod: Pod): void {
    if (!this.#running) return;
    const uid = pod.metadata.uid ?? '';
    let agent = this.#agents.get(uid);
    if (!agent) {
      if (isFinished(pod)) return;
      agent = new PodAgent(this.#o, pod);
      this.#agents.set(uid, agent);
    }
    agent.update(pod);
    if (!this.#plugged && pod.metadata.name.startsWith(networkPlugin)) this.#post();
  }

  podGone(pod: Pod): void {
    this.#agents.get(pod.metadata.uid ?? '')?.halt();
    this.#agents.delete(pod.metadata.uid ?? '');
  }

  addressOf(pod: Pod): string | undefined {
    return this.#agents.get(pod.metadata.uid ?? '')?.address;
  }

  #beat(): void {
    this.#cancelLease();
    if (!this.#running) return;
    this.#renew();
    this.#post();
    this.#cancelLease = this.#o.clock.after(leaseMs, () => this.#beat());
  }

  /** A node is ready when its network is: when the CNI's pod has run here, or the cluster has no such DaemonSet. */
  #networkIsReady(): boolean {
    const { store } = this.#o;
    this.#plugged ||= store
      .list('pods', { namespace: 'kube-system', fieldSelector: `spec.nodeName=${this.node}` })
      .some((p) => p.metadata.name.startsWith(networkPlugin) && isReady(p) && !isTerminating(p));
    return (
      this.#plugged ||
      store.get('daemonsets', { namespace: 'kube-system', name: networkPlugin }) === undefined
    );
  }

  /** Posts the node's status when the API has another one (also one that a controller wrote), or none for long. */
  #post(): void {
    const { store, clock } = this.#o;
    const ready = this.#networkIsReady();
    store.modify('nodes', { name: this.node }, (draft) => {
      const posted = draft.status?.conditions?.find((c) => c.type === 'Ready');
      const age = clock.now() - Date.parse(posted?.lastHeartbeatTime ?? '');
      if (posted?.status === (ready ? 'True' : 'False') && age < heartbeatMs) return;
      draft.status = {
        ...draft.status,
        conditions: conditions(ready, clock.now(), draft.status?.conditions),
      };
    });
  }

  #renew(): void {
    const { store, clock } = this.#o;
    const node = store.get('nodes', { name: this.node });
    if (!node) return;
    const renewTime = microTime(clock.now());
    const ref = { namespace: leaseNamespace, name: this.node };
    const renewed = store.modify('leases', ref, (draft) => {
      draft.spec.renewTime = renewTime;
    });
    if (!renewed)
      store.create('leases', {
        metadata: { ...ref, ownerReferences: belongingTo(node) },
        spec: { holderIdentity: this.node, leaseDurationSeconds: 40, renewTime },
      });
  }
}

/** Lease and CSINode go with their Node. */
const belongingTo = (node: Node) => [
  { apiVersion: 'v1', kind: 'Node', name: node.metadata.name, uid: node.metadata.uid ?? '' },
];
