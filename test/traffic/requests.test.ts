import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { lanes } from '../../src/traffic/record.ts';
import { httpRequests } from '../../src/traffic/requests.ts';
import type { TrafficTarget } from '../../src/traffic/targets.ts';

const requests = httpRequests();
const never = new AbortController().signal;
let server: Server;
/** Called when a request came that gets no answer. */
let hanging = () => {};

const target = (path: string): TrafficTarget => ({
  name: 'web',
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
  method: 'GET',
  headers: {},
  body: '',
  expect: { from: 200, to: 399 },
  timeoutMs: 5000,
});

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/good') response.end('well');
    else if (request.url === '/busy') response.writeHead(503).end();
    else if (request.url === '/gone') request.socket.destroy();
    else {
      if (request.url === '/half') response.write('the first half');
      hanging();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  requests.close();
  server.closeAllConnections();
  server.close();
});

describe.each(lanes)('a request over a %s connection', (lane) => {
  test.each([
    ['/good', undefined],
    ['/busy', 'status 503'],
    ['/gone', 'closed'],
  ])('for %s ends with %s', async (path, failure) => {
    expect(await requests.send(target(path), lane, never)).toBe(failure);
  });

  test.each(['/silent', '/half'])(
    'for %s ends with the timeout, however far the answer was',
    async (path) => {
      const timeout = new AbortController();
      hanging = () => timeout.abort();
      expect(await requests.send(target(path), lane, timeout.signal)).toBe('timeout');
    },
  );

  test('says when nobody listens', async () => {
    expect(await requests.send({ ...target('/'), url: 'http://127.0.0.1:1/' }, lane, never)).toBe('refused');
  });
});
