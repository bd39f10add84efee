import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { describeDuration, messageOf } from '../../text.ts';
import { assetsOf, obtainBinaries } from '../control-plane/binaries.ts';
import { inNamespace, namespaceProblem, runInNamespace } from '../control-plane/namespace.ts';
import { releases } from '../control-plane/versions.ts';
import { Timeline } from '../timeline/events.ts';
import { picture } from '../timeline/picture.ts';
import { lineOf, stamp } from '../timeline/show.ts';
import { runControl } from './controls.ts';
import { type RehearseOptions, readOptions, usage } from './options.ts';
import { obtainRedisServer } from './redis-server.ts';
import { differences, type Settings, settingsOf } from './settings-check.ts';
import { type Stage, setTheStage } from './stage.ts';
import { runUpgrade, type UpgradeRun, workflowFile } from './upgrade.ts';
import { judge, type Line } from './verdict.ts';

const repository = new URL('../../../', import.meta.url).pathname.replace(/\/$/, '');
const trafficEveryMs = 5000;
const started = Date.now();
const say = (line: string) => console.log(`${stamp(Date.now() - started)} ${line}`);

async function main(asked: RehearseOptions): Promise<boolean> {
  if (!existsSync(`${repository}/dist/index.js`)) {
    say('Building the engine.');
    execFileSync(process.execPath, ['scripts/build-dist.ts'], { cwd: repository, stdio: 'inherit' });
  }
  const redisServer = asked.redis.length > 0 ? obtainRedisServer(say) : undefined;
  const options = redisServer ? asked : { ...asked, redis: [] };
  const what = options.real
    ? `a cluster with a real control plane of Kubernetes ${options.real.kubernetes}`
    : 'the embedded cluster';
  say(`Starting ${what}: 3 zones, two groups, ${options.crowd?.nodes ?? 7} nodes.`);
  const timeline = new Timeline();
  timeline.onEvent((event) => {
    const important =
      event.kind !== 'log' || options.verbose || /^(Error|Warning)|Wave|\[|Interrupting/.test(event.text);
    const line = important ? lineOf(event) : undefined;
    if (line) say(line);
  });
  const stage = await setTheStage(options, redisServer, timeline, say);
  const traffic = setInterval(() => {
    const report = stage.latest();
    if (!report) return;
    const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);
    timeline.add({
      kind: 'traffic',
      requests: sum(report.http.map((h) => h.requests)),
      failed: sum(report.http.map((h) => h.failed)),
      jobs: report.queue.done,
      writes: sum(report.redis.map((r) => r.acknowledged)),
    });
  }, trafficEveryMs);
  try {
    const before = settingsOf(stage.cluster);
    if (options.control) return await runControl(options.control, stage, say);
    say(`Running ${workflowFile} with dist/index.js.`);
    const lines: Line[] = [];
    let run = await runUpgrade(stage, options, timeline, repository, options.interruption);
    if (options.interruption && run.result?.conclusion !== 'success') {
      if (options.interruption.how === 'cancel') lines.push(afterCancel(run, before, stage));
      say('Running the workflow again.');
      run = await runUpgrade(stage, options, timeline, repository);
    }
    say('Asking the witnesses.');
    const report = await stage.witnesses.stop();
    const wanted = options.fault?.explained.conclusion ?? 'success';
    lines.push(
      ...judge(
        {
          conclusion: run.result?.conclusion ?? 'killed',
          report,
          outdatedNodes: stage.outdatedNodes(),
          differences: differences(before, settingsOf(stage.cluster)),
        },
        wanted,
      ),
    );
    lines.push(...(await stage.secondOpinion()));
    if (options.rights) appendFileSync(options.rights, `${[...stage.usedRights()].join('\n')}\n`);
    for (const words of options.fault?.explained.byWords ?? [])
      lines.push({ good: words.test(run.text), text: `the run's own words say ${words.source}` });
    if (asked.redis.length > 0 && !redisServer)
      lines.push({
        good: process.env.E2E_REQUIRE !== '1',
        text: 'Redis was left out, because there is no redis-server',
      });
    for (const { good, text } of lines) console.log(`  ${good ? 'ok  ' : 'FAIL'} ${text}`);
    for (const http of report.http)
      for (const f of http.failures)
        console.log(`       ${http.name} ${stamp(f.at - started)} ${f.lane}: ${f.error}`);
    if (options.picture) writeFileSync(options.picture, picture(timeline, lines));
    return lines.every((l) => l.good);
  } finally {
    clearInterval(traffic);
    await stage.close();
  }
}

/** A cancelled run ends by itself, says so, and leaves nothing that only a rerun would put back. */
function afterCancel(run: UpgradeRun, before: Settings, stage: Stage): Line {
  const conclusion = run.result?.conclusion;
  const changed = differences(before, settingsOf(stage.cluster));
  return {
    good: conclusion === 'cancelled' && changed.length === 0,
    text: `the first run ended with ${conclusion}; settings left changed: ${changed.join('; ') || 'none'}`,
  };
}

/** What needs the network is fetched here; the rehearsal itself runs where nothing leaves the machine. */
async function mainInNamespace({ redis, real }: RehearseOptions): Promise<number> {
  const problem = namespaceProblem();
  if (problem) throw new Error(problem);
  if (redis.length > 0) obtainRedisServer(say);
  const binaries = await obtainBinaries(real ?? releases.newest, process.env, say);
  return runInNamespace([process.execPath, ...process.argv.slice(1)], assetsOf(binaries));
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') console.log(usage);
  else if (options.real && !inNamespace()) process.exitCode = await mainInNamespace(options);
  else {
    // The processes of the pods must not outlive us; the runtime kills them when we exit.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => process.exit(130));
    const passed = await main(options);
    console.log(`${passed ? 'PASSED' : 'FAILED'} after ${describeDuration(Date.now() - started)}.`);
    process.exitCode = passed ? 0 : 1;
  }
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}
process.exit();
