import { ask } from '../images/ask.ts';
import { shop } from '../scenario/shop.ts';
import type { Stage } from './stage.ts';

const settleMs = 5000;
const watchMs = 12_000;
const lostWritesExpected = 1000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Does what the suite never would, and passes when the witnesses have seen the damage. */
export async function runControl(
  control: 'undrained-node' | 'bare-failover',
  stage: Stage,
  say: (line: string) => void,
): Promise<boolean> {
  await pause(settleMs);
  return control === 'undrained-node' ? undrainedNode(stage, say) : bareFailover(stage, say);
}

async function undrainedNode(stage: Stage, say: (line: string) => void): Promise<boolean> {
  const { store, aws } = stage.cluster;
  const pod = store.list('pods', { namespace: shop, labelSelector: 'app=web' })[0];
  const instance = [...aws.instances.values()].find((i) => i.privateDnsName === pod?.spec.nodeName);
  say(`Terminating ${instance?.privateDnsName} without draining it.`);
  aws.pullThePlug(instance?.id ?? '');
  await pause(watchMs);
  const report = await stage.witnesses.stop();
  const failed = report.http.reduce((sum, h) => sum + h.failed, 0);
  console.log(`  ${failed > 0 ? 'ok  ' : 'FAIL'} the witnesses saw ${failed} failed requests`);
  return failed > 0;
}

async function bareFailover(stage: Stage, say: (line: string) => void): Promise<boolean> {
  const [sentinel] = stage.cluster.store.list('pods', {
    namespace: shop,
    labelSelector: 'app=redis-sentinel',
  });
  if (!sentinel) throw new Error('This control needs Redis.');
  say('Sending a bare SENTINEL FAILOVER.');
  await ask(sentinel.status?.podIP ?? '', 26379, 'SENTINEL', 'FAILOVER', 'mymaster');
  await pause(watchMs);
  const report = await stage.witnesses.stop();
  const lost = report.redis.find((r) => r.name === 'redis-cache')?.lost ?? 0;
  console.log(
    `  ${lost > lostWritesExpected ? 'ok  ' : 'FAIL'} the witnesses saw ${lost} acknowledged writes lost`,
  );
  return lost > lostWritesExpected;
}
