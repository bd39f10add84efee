import { beforeEach, expect, test } from '@jest/globals';
import { countedAws, countedKubernetes, Requests } from '../../bench/rotation/count.ts';
import { groupName, type Stage, setStage } from '../../bench/rotation/stage.ts';
import type { Aws, Kubernetes } from '../../src/cluster/ports.ts';
import { inProcessAws } from '../../src/rehearsal/aws/in-process.ts';
import { inProcessKubernetes } from '../../src/rehearsal/kubernetes/in-process.ts';

let stage: Stage;
let requests: Requests;
let kubernetes: Kubernetes;
let aws: Aws;

beforeEach(async () => {
  stage = await setStage({ nodes: 2, podsPerNode: 30, seed: 1 });
  requests = new Requests();
  kubernetes = countedKubernetes(inProcessKubernetes(stage.cluster.registry), stage.clock, requests);
  aws = countedAws(inProcessAws(stage.cluster.aws), stage.clock, requests);
});

test('a list counts one request for every five hundred objects', async () => {
  await stage.clock.run(kubernetes.list('pods'));
  for (let i = 0; i < 441; i++)
    stage.cluster.store.create('configmaps', { metadata: { name: `c-${i}`, namespace: 'default' } });
  await stage.clock.run(kubernetes.list('configmaps'));
  for (let i = 441; i < 1001; i++)
    stage.cluster.store.create('configmaps', { metadata: { name: `c-${i}`, namespace: 'default' } });
  await stage.clock.run(kubernetes.list('configmaps'));
  expect(requests.entries()).toEqual([
    ['list configmaps', 1 + 3],
    ['list pods', 1],
  ]);
});

test('a watch counts its first list, its start, and again every five minutes', async () => {
  const stop = new AbortController();
  let synced = 0;
  const taken = (async () => {
    for await (const _ of kubernetes.watch('nodes', {}, stop.signal, () => synced++));
  })();
  await stage.clock.advance(11 * 60_000);
  stop.abort();
  await taken;
  expect(synced).toBe(1);
  expect(requests.entries()).toEqual([
    ['watch nodes', 3],
    ['list nodes', 1],
  ]);
});

test('groups count what their subnets and templates cost, once a minute', async () => {
  const ask = () => stage.clock.run(aws.groups({ names: [groupName] }));
  await ask();
  await ask();
  await stage.clock.advance(60_000);
  await ask();
  expect(requests.entries()).toEqual([
    ['DescribeAutoScalingGroups', 3],
    ['DescribeSubnets', 2],
    ['DescribeLaunchTemplateVersions', 2],
  ]);
});

test('instances count one request for every two hundred ids', async () => {
  await stage.clock.run(aws.instances(Array.from({ length: 401 }, (_, i) => `i-${i}`)));
  await stage.clock.run(aws.instances([]));
  expect(requests.entries()).toEqual([['DescribeInstances', 3]]);
});
