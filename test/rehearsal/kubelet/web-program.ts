import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBalancer } from '../../../src/rehearsal/balancer/balancer.ts';
import { startControllers } from '../../../src/rehearsal/controllers/controllers.ts';
import { processRuntime } from '../../../src/rehearsal/kubelet/process-runtime.ts';
import { HttpWitness } from '../../../src/rehearsal/witnesses/http.ts';
import { wallClock } from '../../../src/rehearsal/world/clock.ts';
import { claimNetwork } from '../../../src/rehearsal/world/network.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';
import { machine, machineRoom, namespace } from './room.ts';

/** A pod leaves under traffic, then its machine loses power; prints what the client saw of each. */
const directory = mkdtempSync(join(tmpdir(), 'web-'));
const { prefix: network } = await claimNetwork(127);
const room = machineRoom(wallClock, () => processRuntime({ directory, discovery: () => [], network }));
const controllers = startControllers({
  store: room.store,
  clock: wallClock,
  random: new Random(1),
  cloud: { instanceExists: () => true, onGone: () => {} },
});
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await wallClock.sleep(20);
};
const learnMs = { from: 300, to: 1000 };

room.store.create('services', {
  metadata: { name: 'web', namespace },
  spec: { selector: { app: 'web' }, ports: [{ name: 'main', port: 8080, targetPort: 8080 }] },
});
room.machines.boot(machine);
const container = {
  env: [{ name: 'PORT', value: '8080' }],
  readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 0.5 },
  lifecycle: { preStop: { sleep: { seconds: 1.2 } } },
};
for (const name of ['web-0', 'web-1']) room.create(name, container);
await until(() => room.ready('web-0') && room.ready('web-1'));
const balancer = await startBalancer({
  store: room.store,
  clock: wallClock,
  random: new Random(2),
  namespace,
  service: 'web',
  learnMs,
});
await wallClock.sleep(learnMs.to + 100);

const visit = new HttpWitness({ name: 'leaving', url: `${balancer.url}/`, perSecond: 100 });
await wallClock.sleep(300);
room.store.remove('pods', { namespace, name: 'web-0' });
await until(() => room.get('web-0') === undefined);
await wallClock.sleep(200);
await visit.stop();

const dark = new HttpWitness({ name: 'dark', url: `${balancer.url}/`, perSecond: 50 });
await wallClock.sleep(300);
const before = dark.report().failed;
room.machines.halt(machine.instanceId);
await wallClock.sleep(500);
await dark.stop();

const forwarded = await room.machines.portForward({ namespace, name: 'web-1' }, 8080).catch(String);
await balancer.close();
controllers.stop();
await room.machines.stop();

// A runtime whose process is killed can do nothing; what it started must end all the same.
const abandoned = spawn(process.execPath, [new URL('./abandoned-program.ts', import.meta.url).pathname], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const pid = Number(await new Promise((resolve) => abandoned.stdout.once('data', resolve)));
const lives = () => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const livedBefore = lives();
abandoned.kill('SIGKILL');
for (let i = 0; i < 100 && lives(); i++) await wallClock.sleep(20);
rmSync(directory, { recursive: true, force: true });

console.log(
  JSON.stringify({
    leaving: { sent: visit.report().requests > 200, failures: visit.report().failures },
    dark: { before, failed: dark.report().failed > 0 },
    forwarded,
    abandoned: { livedBefore, lives: lives() },
  }),
);
