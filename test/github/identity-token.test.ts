import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, jest, test } from '@jest/globals';
import { githubRuntime } from '../../src/github/runtime.ts';

const names = ['ACTIONS_ID_TOKEN_REQUEST_URL', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN'];
const forget = () => {
  for (const name of names) delete process.env[name];
};
afterEach(forget);

test('a job without the permission is told how to get its OIDC token', async () => {
  forget();
  await expect(githubRuntime().identityToken('sts.amazonaws.com')).rejects.toThrow(
    /^role-to-assume: GitHub gave the job no OIDC token\. Allow it with permissions: id-token: write\./,
  );
});

test('the OIDC token of a job is asked for with the audience, and hidden in its log', async () => {
  const asked: string[] = [];
  const endpoint = createServer((request, response) => {
    asked.push(`${request.headers.authorization} ${request.url}`);
    response.end(JSON.stringify({ value: 'header.payload.signature' }));
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  process.env.ACTIONS_ID_TOKEN_REQUEST_URL = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/token?v=1`;
  process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN = 'secret';
  const printed: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed.push(String(text).trim());
    return true;
  });
  const token = await githubRuntime().identityToken('sts.amazonaws.com');
  write.mockRestore();
  endpoint.close();
  expect(token).toBe('header.payload.signature');
  expect(asked).toEqual(['Bearer secret /token?v=1&audience=sts.amazonaws.com']);
  expect(printed).toContain('::add-mask::header.payload.signature');
});
