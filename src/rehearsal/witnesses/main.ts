import { HttpWitness } from './http.ts';
import { QueueWitness } from './queue.ts';
import { RedisWitness } from './redis.ts';
import type { WitnessReport, WitnessSettings } from './report.ts';

/**
 * The witnesses in a process of their own, so that nothing the cluster or the product does can slow or spare them. The parent
 * speaks over IPC: settings to begin, `stop` to end; the answers are reports, twice a second.
 */
const send = (message: object) => process.send?.(message);

// `process.send` and messages exist because the parent forks this file.
process.once('message', async (settings: WitnessSettings) => {
  const queue = new QueueWitness(settings.queue);
  send({ queueUrl: await queue.listen() });
  const begun: { http: HttpWitness[]; redis: RedisWitness[] } = { http: [], redis: [] };

  const report = (final: boolean): WitnessReport => ({
    at: Date.now(),
    final,
    http: begun.http.map((w) => w.report()),
    queue: queue.report(),
    redis: begun.redis.map((w) => w.report()),
  });

  process.on('message', async (message: { begin?: Pick<WitnessSettings, 'http' | 'redis'>; stop?: true }) => {
    if (message.begin) {
      begun.http = message.begin.http.map((target) => new HttpWitness(target));
      begun.redis = message.begin.redis.map((target) => new RedisWitness(target));
      for (const witness of begun.redis) witness.begin();
      queue.begin();
      setInterval(() => send(report(false)), 500).unref();
    }
    if (message.stop) {
      await Promise.all(begun.http.map((w) => w.stop()));
      const [jobs, ...writes] = await Promise.all([queue.stop(), ...begun.redis.map((w) => w.stop())]);
      send({ ...report(true), queue: jobs, redis: writes });
      process.disconnect();
    }
  });
});

// A witness without a parent has nobody to report to.
process.on('disconnect', () => process.exit());
