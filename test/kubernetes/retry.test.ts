import { describe, expect, test } from '@jest/globals';
import { KubernetesError } from '../../src/cluster/ports.ts';
import { isTransient, patienceMs, pauseMs, type RetryOptions, retrying } from '../../src/kubernetes/retry.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';

const broken = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const answer = (status: number, retryAfterSeconds?: number) =>
  new KubernetesError(status, 'X', 'x', [], retryAfterSeconds);

/** Fails with the error until the given moment; resolves with when it was tried, and how it ended. */
async function play(error: unknown, untilMs: number, options: Partial<RetryOptions> = {}) {
  const clock = new VirtualClock(0);
  const tried: number[] = [];
  const send = async () => {
    tried.push(clock.now());
    if (clock.now() < untilMs) throw error;
    return 'served';
  };
  const all: RetryOptions = {
    clock,
    signal: new AbortController().signal,
    idempotent: true,
    patienceMs: () => patienceMs.known,
    onFailure: () => {},
    ...options,
  };
  const ended = await clock.run(retrying(all, send).catch((e) => e));
  return { tried, ended };
}

describe('a request to an API server that is away', () => {
  test('is sent again, ever more slowly, until it is back', async () => {
    const { tried, ended } = await play(broken, 30_000);
    expect(ended).toBe('served');
    expect(tried.slice(0, 5)).toEqual([0, 200, 600, 1400, 3000]);
    expect(tried.at(-1)).toBeLessThan(36_000);
  });

  test('gives up after a minute, with what the last attempt said', async () => {
    const { tried, ended } = await play(broken, Number.POSITIVE_INFINITY);
    expect(ended).toBe(broken);
    expect(tried.at(-1)).toBeGreaterThan(50_000);
    expect(tried.at(-1)).toBeLessThanOrEqual(60_000);
  });

  test('gives up soon when that server has never answered', async () => {
    const { tried, ended } = await play(broken, Number.POSITIVE_INFINITY, {
      patienceMs: () => patienceMs.unknown,
    });
    expect(ended).toBe(broken);
    expect(tried.at(-1)).toBeLessThanOrEqual(6000);
  });

  test('waits as long as a throttling server asks, within bounds', () => {
    expect(pauseMs(1, answer(429, 2))).toBe(2000);
    expect(pauseMs(1, answer(429, 3600))).toBe(5000);
    expect(pauseMs(9, broken)).toBe(5000);
  });

  test('says before each pause how long it will go on', async () => {
    const left: number[] = [];
    await play(answer(503), 1000, { onFailure: (_, leftMs) => void left.push(leftMs) });
    expect(left).toEqual([60_000, 59_800, 59_400]);
  });

  test('ends at once when the run is stopped', async () => {
    const stopped = new AbortController();
    stopped.abort(new Error('Stopped by SIGTERM.'));
    const { tried, ended } = await play(broken, Number.POSITIVE_INFINITY, { signal: stopped.signal });
    expect(tried).toHaveLength(1);
    expect(String(ended)).toMatch('SIGTERM');
  });
});

describe('sending again can help', () => {
  test.each([
    ['a throttled request, whatever it does', answer(429), false, true],
    ['one that may be sent twice, after a server error', answer(500), true, true],
    ['one that may be sent twice, after a broken connection', broken, true, true],
    ['not a create after a server error: it may have arrived', answer(500), false, false],
    ['not a create after a broken connection', broken, false, false],
    ['not what was refused', answer(403), true, false],
    ['not what is a mistake of ours', new TypeError('x'), true, false],
  ])('%s', (_, error, idempotent, expected) => {
    expect(isTransient(error, idempotent)).toBe(expected);
  });
});
