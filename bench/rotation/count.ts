import { Memory } from '../../src/aws/memory.ts';
import type { Clock } from '../../src/clock.ts';
import type { Aws, Kubernetes } from '../../src/cluster/ports.ts';

/** How many objects the API server gives in one answer to a list: the page size of this suite, of kubectl and of client-go's pager. */
const pageSize = 500;
/** How many groups AWS names in one answer. */
const groupsPerPage = 50;
/** How many ids one DescribeInstances takes as a filter. */
const idsPerPage = 200;
/** How many scaling activities AWS gives in one answer. */
const activitiesPerPage = 100;
/** A watch is asked for again after this long, as this suite and client-go do. */
const watchMs = 300_000;

/** What a request takes, so that whoever asks a thousand things one after the other pays for it. */
export const requestMs = { kubernetes: 10, aws: 100 };

/** Requests by what was asked, for example `list pods` or `DescribeInstances`. */
export class Requests {
  readonly #counts = new Map<string, number>();

  add(what: string, n = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + n);
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, n) => sum + n, 0);
  }

  /** Most frequent first. */
  entries(): [string, number][] {
    return [...this.#counts].sort(([, a], [, b]) => b - a);
  }
}

/** The port with every request counted as a real API server would get it: one per page of a list, one per start of a watch. */
export function countedKubernetes(port: Kubernetes, clock: Clock, requests: Requests): Kubernetes {
  const asked = async (what: string, n = 1) => {
    requests.add(what, n);
    await clock.sleep(requestMs.kubernetes * n);
  };
  return {
    async get(resource, ref) {
      await asked(`get ${resource}`);
      return port.get(resource, ref);
    },
    async list(resource, query) {
      const answer = await port.list(resource, query);
      await asked(`list ${resource}`, pages(answer.items.length, pageSize));
      return answer;
    },
    async create(resource, object) {
      await asked(`create ${resource}`);
      return port.create(resource, object);
    },
    async update(resource, object) {
      await asked(`update ${resource}`);
      return port.update(resource, object);
    },
    async patch(resource, ref, patch) {
      await asked(`patch ${resource}`);
      return port.patch(resource, ref, patch);
    },
    async remove(resource, ref, options) {
      await asked(`delete ${resource}`);
      return port.remove(resource, ref, options);
    },
    async evict(pod, options) {
      await asked(options?.dryRun ? 'evict (dry run)' : 'evict');
      return port.evict(pod, options);
    },
    async *watch(resource, query, signal, synced) {
      // It begins with a list, and is asked for again when the server ends it.
      const present = await port.list(resource, query);
      requests.add(`list ${resource}`, pages(present.items.length, pageSize));
      requests.add(`watch ${resource}`);
      let asked = clock.now();
      const renew = () => {
        const n = Math.floor((clock.now() - asked) / watchMs);
        if (n > 0) requests.add(`watch ${resource}`, n);
        asked += n * watchMs;
      };
      try {
        for await (const event of port.watch(resource, query, signal, synced)) {
          renew();
          yield event;
        }
      } finally {
        renew();
      }
    },
    portForward: (pod, at) => port.portForward(pod, at),
    async canI(access) {
      await asked('review access');
      return port.canI(access);
    },
    async version() {
      await asked('get version');
      return port.version();
    },
  };
}

const pages = (n: number, size: number): number => Math.max(1, Math.ceil(n / size));

/** The port with every request counted as AWS would get it from src/aws. */
export function countedAws(port: Aws, clock: Clock, requests: Requests): Aws {
  const asked = async (what: string, n = 1) => {
    requests.add(what, n);
    await clock.sleep(requestMs.aws * n);
  };
  const memory = new Memory(clock);
  return {
    ...port,
    async groups(select, options) {
      if (options?.fresh) memory.clear();
      const groups = await port.groups(select, options);
      await asked('DescribeAutoScalingGroups', pages(groups.length, groupsPerPage));
      await memory.once('subnets', () => asked('DescribeSubnets'));
      for (const { name, overrides = [] } of groups)
        await memory.once(name, () => asked('DescribeLaunchTemplateVersions', 1 + overrides.length));
      return groups;
    },
    async instances(ids) {
      if (ids.length > 0) await asked('DescribeInstances', pages(ids.length, idsPerPage));
      return port.instances(ids);
    },
    async activities(group, since) {
      const found = await port.activities(group, since);
      await asked('DescribeScalingActivities', pages(found.length, activitiesPerPage));
      return found;
    },
    async resize(group, size) {
      if (size.min !== undefined || size.max !== undefined) await asked('UpdateAutoScalingGroup');
      if (size.desired !== undefined) await asked('SetDesiredCapacity');
      return port.resize(group, size);
    },
    async launch(group, request) {
      await asked('LaunchInstances');
      return port.launch(group, request);
    },
    async terminate(id, options) {
      await asked('TerminateInstanceInAutoScalingGroup');
      return port.terminate(id, options);
    },
    async suspend(group, processes) {
      await asked('SuspendProcesses');
      return port.suspend(group, processes);
    },
    async resume(group, processes) {
      await asked('ResumeProcesses');
      return port.resume(group, processes);
    },
    async launchSource(group) {
      await asked('DescribeAutoScalingGroups');
      return port.launchSource(group);
    },
    async launchFrom(group, source) {
      await asked('UpdateAutoScalingGroup');
      return port.launchFrom(group, source);
    },
    async targetHealth(group) {
      const balancers = group.targetGroups.length + group.classicLoadBalancers.length;
      if (balancers > 0) await asked('DescribeTargetHealth', balancers);
      return port.targetHealth(group);
    },
    async refreshInProgress(group) {
      await asked('DescribeInstanceRefreshes');
      return port.refreshInProgress(group);
    },
  };
}
