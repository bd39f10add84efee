import { describe, expect, test } from '@jest/globals';
import { type Credentials, renewing } from '../../src/aws/renewing.ts';
import { VirtualClock } from '../../src/rehearsal/world/clock.ts';

const minute = 60_000;

/** Credentials of an hour each, from an endpoint that may be away. */
function job() {
  const clock = new VirtualClock(0);
  const log: string[] = [];
  const endpoint = { away: false, asked: 0 };
  const assume = async (): Promise<Credentials> => {
    endpoint.asked++;
    await clock.sleep(10);
    if (endpoint.away) throw new Error('the token endpoint does not answer');
    return {
      accessKeyId: `key-${endpoint.asked}`,
      secretAccessKey: 's',
      expiration: new Date(clock.now() + 60 * minute),
    };
  };
  const credentials = renewing(clock, assume, (line) => void log.push(line));
  const key = () =>
    clock.run(
      credentials.provider().then(
        ({ accessKeyId }) => accessKeyId,
        (error: Error) => error.message,
      ),
    );
  return { clock, log, endpoint, credentials, key };
}

describe('the credentials of a role', () => {
  test('are asked for once by many calls, and kept', async () => {
    const { clock, endpoint, credentials, key } = job();
    await clock.run(Promise.all([credentials.provider(), credentials.provider(), credentials.provider()]));
    await clock.advance(49 * minute);
    expect([await key(), endpoint.asked]).toEqual(['key-1', 1]);
  });

  test('are renewed ten minutes before they end', async () => {
    const { clock, key, credentials } = job();
    expect(await key()).toBe('key-1');
    await clock.advance(51 * minute);
    expect([await key(), credentials.lastUntil()]).toEqual(['key-2', undefined]);
  });

  test('serve until they end when they cannot be renewed, which is said once', async () => {
    const { clock, key, endpoint, credentials, log } = job();
    await key();
    endpoint.away = true;
    await clock.advance(51 * minute);
    expect([await key(), await key(), endpoint.asked]).toEqual(['key-1', 'key-1', 2]);
    expect(credentials.lastUntil()).toBe(60 * minute + 10);
    await clock.advance(minute);
    expect([await key(), endpoint.asked]).toEqual(['key-1', 3]);
    expect(log).toEqual([
      'The AWS credentials last until 01:00:00 UTC and cannot be renewed: the token endpoint does not answer',
    ]);
    await clock.advance(10 * minute);
    expect(await key()).toBe('the token endpoint does not answer');
  });

  test('go on as before when the endpoint is back in time', async () => {
    const { clock, key, endpoint, credentials } = job();
    await key();
    endpoint.away = true;
    await clock.advance(51 * minute);
    await key();
    endpoint.away = false;
    await clock.advance(minute);
    expect([await key(), credentials.lastUntil()]).toEqual(['key-3', undefined]);
  });

  test('are not there when the first attempt fails', async () => {
    const { key, endpoint } = job();
    endpoint.away = true;
    expect(await key()).toBe('the token endpoint does not answer');
  });
});
