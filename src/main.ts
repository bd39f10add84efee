import { constants } from 'node:os';
import { githubRuntime } from './github/runtime.ts';
import { operations } from './operations/index.ts';
import { afterwards } from './operations/post.ts';
import { makeSession } from './session.ts';
import { messageOf } from './text.ts';

const github = githubRuntime();

/** An operation that was told to stop has this long to leave journal, outputs and summary consistent. */
const stopWithinMs = 4000;

async function main(): Promise<void> {
  const name = github.input('operation');
  const operation = operations[name];
  if (!operation) {
    const known = Object.keys(operations).join(', ');
    return github.fail(`operation: got ${name ? JSON.stringify(name) : 'nothing'}, expected one of ${known}`);
  }
  github.saveState('operation', name);
  const stop = new AbortController();
  const over = new AbortController();
  const { session, writeSummary } = makeSession(github, operation.contract, {
    stop: stop.signal,
    over: over.signal,
  });
  const stopped = onStopSignal(stop, over);
  try {
    await Promise.race([operation.run(session), stopped]);
    github.saveState('ended', 'completed');
  } catch (error) {
    github.saveState('ended', stop.signal.aborted ? 'stopped' : 'failed');
    github.fail(messageOf(error));
  }
  await writeSummary();
}

/** Rejects when the operation did not end in time after SIGINT or SIGTERM. */
function onStopSignal(stop: AbortController, over: AbortController): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (stop.signal.aborted) return;
        github.say(`Got ${signal}: nothing new is started; putting things in order.`);
        process.exitCode = 128 + constants.signals[signal];
        stop.abort(new Error(`Stopped by ${signal}. Run the workflow again to go on where it stopped.`));
        setTimeout(() => {
          over.abort(stop.signal.reason);
          reject(stop.signal.reason);
        }, stopWithinMs).unref();
      });
    }
  });
}

async function post(): Promise<void> {
  const state = {
    operation: github.state('operation'),
    runId: github.state('run-id'),
    ended: github.state('ended'),
  };
  const { log, summary } = afterwards(state);
  github.say(log);
  if (summary) await github.summary(summary);
}

// Saved state exists only when main has run in this step, so its presence tells post from main.
await (github.state('operation') ? post() : main());
// Open sockets and watches must not keep a finished step alive.
process.exit();
