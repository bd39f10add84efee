import { instanceIdOf, nodeReady } from '../../src/cluster/members.js';
import { isReady } from '../../src/cluster/pods.js';
import { rotateNodes } from '../../src/operations/rotate-nodes.js';
import { inProcessAws } from '../../src/rehearsal/aws/in-process.js';
import { createEmbeddedCluster } from '../../src/rehearsal/embedded-cluster.js';
import { weightlessRuntime } from '../../src/rehearsal/kubelet/runtime.js';
import { inProcessKubernetes } from '../../src/rehearsal/kubernetes/in-process.js';
import { differences, settingsOf } from '../../src/rehearsal/rehearse/settings-check.js';
import { account, cluster as clusterName, newImage, releaseNewImage, } from '../../src/rehearsal/scenario/account.js';
import { webWorkloads } from '../../src/rehearsal/scenario/shop.js';
import { systemWorkloads } from '../../src/rehearsal/scenario/system.js';
import { VirtualClock } from '../../src/rehearsal/world/clock.js';
export async function shopWorld(options = {}) {
    const clock = new VirtualClock();
    const description = account();
    const { fault } = options;
    const cluster = createEmbeddedCluster({
        clock,
        seed: options.seed ?? 1,
        description,
        factor: 1,
        runtime: weightlessRuntime,
        fault,
    });
    cluster.apply(systemWorkloads());
    await settled(clock, cluster);
    const manifests = [...webWorkloads('http://queue'), ...(options.more ?? [])];
    cluster.apply(fault?.manifests?.(manifests) ?? manifests);
    await settled(clock, cluster);
    releaseNewImage(description);
    cluster.enableFault();
    const before = settingsOf(cluster);
    return {
        clock,
        cluster,
        before,
        outdated: () => cluster.store
            .list('nodes')
            .filter((n) => cluster.aws.instances.get(instanceIdOf(n) ?? '')?.imageId !== newImage)
            .map((n) => n.metadata.name),
        changed: () => differences(before, settingsOf(cluster)),
    };
}
async function settled(clock, { store }) {
    const daemons = () => store.list('daemonsets').length * 7;
    const wanted = () => [...store.list('deployments'), ...store.list('statefulsets')].reduce((sum, w) => sum + (w.spec.replicas ?? 1), daemons());
    for (let i = 0; i < 100; i++) {
        const pods = store.list('pods');
        if (store.list('nodes').filter(nodeReady).length === 7 && pods.length >= wanted() && pods.every(isReady))
            return;
        await clock.advance(5000);
    }
    throw new Error('The world did not settle.');
}
export const defaults = {
    cluster: clusterName,
    validation: '{"verdict":"passed","digest":"0"}',
    baseline: 'none',
};
let processes = 0;
const writing = new Set([
    'create',
    'update',
    'patch',
    'remove',
    'evict',
    'resize',
    'launch',
    'terminate',
    'suspend',
    'resume',
]);
const isDryRun = (args) => args.some((a) => typeof a === 'object' && a !== null && a.dryRun === true);
/** @param dies kills the process right after its write with this number arrived. */
export function startEngine(world, inputs = {}, dies = {}) {
    const stopped = new AbortController();
    let killed = false;
    const never = new Promise(() => { });
    let writes = 0;
    /** Calls of a dead process are never made, and answers to it never arrive. */
    const mortal = (port) => new Proxy(port, {
        get(target, name) {
            const member = Reflect.get(target, name);
            if (typeof member !== 'function')
                return member;
            return (...args) => {
                if (killed)
                    return never;
                const answer = member.apply(target, args);
                if (writing.has(String(name)) && !isDryRun(args)) {
                    writes++;
                    if (writes === dies.afterWrite)
                        killed = true;
                }
                return answer instanceof Promise ? answer.then((value) => (killed ? never : value)) : answer;
            };
        },
    });
    const clock = mortal({
        now: () => world.clock.now(),
        sleep: (ms, signal) => world.clock.sleep(ms, signal),
    });
    const kubernetes = mortal(inProcessKubernetes(world.cluster.registry));
    const aws = mortal(inProcessAws(world.cluster.aws));
    const outputs = {};
    const log = [];
    let summary = '';
    processes++;
    const given = Object.entries(rotateNodes.contract.inputs).map(([name, spec]) => [
        name,
        inputs[name] ?? defaults[name] ?? spec.default ?? '',
    ]);
    const session = {
        inputs: Object.fromEntries(given),
        clock: { now: () => world.clock.now(), sleep: clock.sleep },
        signal: stopped.signal,
        kubernetes: async () => kubernetes,
        aws: async () => aws,
        caller: `test process ${processes}`,
        say: (line) => void log.push(line),
        warn: (line) => void log.push(`warning: ${line}`),
        output: (name, value) => {
            if (!killed)
                outputs[name] = value;
        },
        summary: (markdown) => {
            summary = markdown;
        },
        directory: '/nowhere',
    };
    const ended = rotateNodes.run(session).then(() => '', (error) => error.message);
    return {
        outputs,
        log,
        writes: () => writes,
        killed: () => killed,
        summary: () => summary,
        ended,
        stop: () => stopped.abort(new Error('Stopped by SIGTERM.')),
        kill: () => {
            killed = true;
        },
    };
}
/** Runs the operation to its end. */
export async function runEngine(world, inputs = {}) {
    const engine = startEngine(world, inputs);
    return { ...engine, failure: await world.clock.run(engine.ended) };
}
