import { ask } from '../images/ask.ts';

const port = 6379;
const slots = 16384;
const lookMs = 100;
const limitMs = 60_000;

/** Forms a Redis Cluster of servers that do not know each other yet: the first half are masters, the others follow them. */
export async function formRedisCluster(addresses: readonly string[]): Promise<void> {
  const masters = addresses.slice(0, addresses.length / 2);
  const [first = ''] = addresses;
  for (const [i, master] of masters.entries()) {
    const from = Math.floor((slots * i) / masters.length);
    const to = Math.floor((slots * (i + 1)) / masters.length) - 1;
    await ask(master, port, 'CLUSTER', 'ADDSLOTSRANGE', from, to);
    await ask(master, port, 'CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
  }
  for (const address of addresses.slice(1)) await ask(first, port, 'CLUSTER', 'MEET', address, port);
  await until(
    async () => (await Promise.all(addresses.map(known))).every((n) => n === addresses.length),
    'meet',
  );
  for (const [i, replica] of addresses.slice(masters.length).entries()) {
    const id = await ask(masters[i] ?? first, port, 'CLUSTER', 'MYID');
    await until(
      async () => (await ask(replica, port, 'CLUSTER', 'REPLICATE', String(id))) === 'OK',
      'take a replica',
    );
  }
  await until(async () => (await Promise.all(addresses.map(isOk))).every(Boolean), 'become ok');
}

async function known(address: string): Promise<number> {
  const nodes = String((await ask(address, port, 'CLUSTER', 'NODES')) ?? '');
  return nodes.split('\n').filter((line) => line && !line.includes('handshake')).length;
}

async function isOk(address: string): Promise<boolean> {
  const info = String((await ask(address, port, 'CLUSTER', 'INFO')) ?? '');
  const replication = String((await ask(address, port, 'INFO', 'replication')) ?? '');
  const settled = replication.includes('role:master')
    ? replication.includes('connected_slaves:1')
    : replication.includes('master_link_status:up');
  return info.includes('cluster_state:ok') && settled;
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`The Redis Cluster did not ${what} within ${limitMs / 1000} s.`);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
