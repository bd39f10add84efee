import { expect, test } from '@jest/globals';
import { inAnotherProcess } from '../kubelet/in-another-process.ts';

test('a role is assumed once for all calls and for the token of the cluster', async () => {
  const program = new URL('./role-program.ts', import.meta.url).href;
  expect(await inAnotherProcess(program)).toEqual({
    groups: 2,
    tokens: 2,
    assumed: 2,
    presignedWith: 'ASIAEMBEDDED',
    endpoint: 'https://127.0.0.1:1',
    failure: expect.stringMatching(
      /^AssumeRoleWithWebIdentity: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity\. The trust policy of the role eks-rolling must/,
    ),
  });
});
