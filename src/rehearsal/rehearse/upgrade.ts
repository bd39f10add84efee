import { stringify } from 'yaml';
import { cluster as clusterName, region } from '../scenario/account.ts';
import { shop } from '../scenario/shop.ts';
import type { Timeline } from '../timeline/events.ts';
import { runWorkflow, type WorkflowResult } from '../workflow/run-workflow.ts';
import type { Interruption, RehearseOptions, Topology } from './options.ts';
import type { Stage } from './stage.ts';

export const workflowFile = '.github/workflows/upgrade.yml';

const redisInput = {
  sentinel: {
    name: 'cache',
    namespace: shop,
    kind: 'sentinel',
    pods: 'app=redis-cache',
    sentinels: 'app=redis-sentinel',
    master: 'mymaster',
  },
  cluster: { name: 'sessions', namespace: shop, kind: 'cluster', pods: 'app=redis-cluster' },
} satisfies Record<Topology, object>;

export interface UpgradeRun {
  result: WorkflowResult | undefined;
  /** Everything that the run printed. */
  text: string;
}

/** Runs the repository's own upgrade workflow on the stage, with the engine as it is shipped. */
export async function runUpgrade(
  stage: Stage,
  options: RehearseOptions,
  timeline: Timeline,
  repository: string,
  interruption?: Interruption,
): Promise<UpgradeRun> {
  const lines: string[] = [];
  const [died, cancelled] = [new AbortController(), new AbortController()];
  let engine = 0;
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    timeline.add({ kind: 'log', job: 'rehearsal', text: `Interrupting the workflow: ${interruption?.how}.` });
    if (interruption?.how === 'cancel') cancelled.abort();
    else if (interruption?.how === 'kill runner') died.abort();
    else if (engine > 0) process.kill(engine, 'SIGKILL');
  };
  try {
    const result = await runWorkflow({
      repository,
      file: workflowFile,
      inputs: {
        cluster: clusterName,
        region,
        targets: stringify(stage.targets),
        redis: options.redis.length > 0 ? stringify(options.redis.map((t) => redisInput[t])) : '',
        'max-surge': options.crowd ? '25%' : '3',
        'baseline-duration': '8s',
        // Cluster, witnesses and engine share one small machine, whose noise is not the services'; a control plane of its own adds to it.
        'min-latency-delta': options.crowd || options.real ? '500ms' : '50ms',
        ...options.fault?.inputs,
      },
      env: stage.endpoints.environment,
      variables: { AWS_ROLE: 'arn:aws:iam::123456789012:role/upgrade' },
      nodeBinary: process.execPath,
      died: died.signal,
      signal: cancelled.signal,
      onProcess(pid) {
        engine = pid;
      },
      onLine(line, job) {
        lines.push(line);
        timeline.add({ kind: 'log', job, text: line });
      },
      onStep({ job, name, change, conclusion, seconds }) {
        timeline.add({
          kind: 'step',
          job,
          step: name,
          change,
          ...(conclusion ? { conclusion } : {}),
          ...(seconds === undefined ? {} : { seconds }),
        });
        if (interruption && job === 'rotate' && change === 'started' && /^Plan/.test(name))
          timer = setTimeout(interrupt, interruption.afterMs);
      },
    });
    for (const job of Object.values(result.jobs))
      lines.push(...job.annotations.map((a) => a.message), job.summary);
    return { result, text: lines.join('\n') };
  } catch (error) {
    if (died.signal.aborted) return { result: undefined, text: lines.join('\n') };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
