import { describe, expect, test } from '@jest/globals';
import { calling } from '../../src/aws/errors.ts';

const failing = (name: string, message: string): Promise<string> =>
  calling('TerminateInstanceInAutoScalingGroup', async () => {
    throw Object.assign(new Error(message), { name });
  }).then(String, (error: Error) => error.message);

describe('credentials that have run out', () => {
  test.each([
    ['ExpiredToken', 'The security token included in the request is expired'],
    ['ExpiredTokenException', 'The security token included in the request is expired'],
    ['RequestExpired', 'Request has expired.'],
    ['CredentialsProviderError', 'Could not load credentials from any providers'],
  ])('are told as %s, with what to do', async (name, message) => {
    const told = await failing(name, message);
    expect(told).toContain(
      `TerminateInstanceInAutoScalingGroup: ${name}: ${message.replace(/\.$/, '')}. The AWS`,
    );
    expect(told).toContain('Run the workflow again with new ones: it goes on where this run stopped.');
    expect(told).toContain('use the input role-to-assume');
  });

  test('are not meant by other refusals', async () => {
    expect(await failing('ValidationError', 'no')).toBe(
      'TerminateInstanceInAutoScalingGroup: ValidationError: no',
    );
  });
});
