import { AwsError } from '../cluster/ports.ts';
import { actionOf, checkedWith } from './rights.ts';

/** Account ids must not reach logs or outputs: GitHub drops an output in which it finds a masked one. */
const account = /\b\d{12}\b/g;

/** How the services say that a right is missing; each protocol has its own word. */
const refusals = ['AccessDenied', 'AccessDeniedException', 'UnauthorizedOperation'];

/** How the services and the SDK say that credentials have run out or are none any more. */
const expiries = ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'CredentialsProviderError'];
const renew =
  'The AWS credentials of the job have run out or are missing. Run the workflow again with new ones: it goes on where this run stopped. For longer runs use the input role-to-assume, or a time-budget that is shorter than they last.';

/** Runs one AWS call and turns what it throws into an AwsError that names operation and code. */
export async function calling<T>(operation: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    // Of the credentials that a call needs first.
    if (error instanceof AwsError) throw error;
    const { name = 'Error', message = String(error) } = error as { name?: string; message?: string };
    // The SDK calls some errors otherwise than AWS does: ScalingActivityInProgress becomes ScalingActivityInProgressFault.
    throw awsError(operation, name.replace(/Fault$/, ''), message);
  }
}

/** EC2 adds what only a call of STS can decode, 2 KB of it. */
const encoded = /\s*Encoded authorization failure message: \S+/;

/** The error of the port for an answer of AWS; a missing right says which, and where the policy is that has it. */
export function awsError(operation: string, code: string, message: string): AwsError {
  const masked = message.replace(account, '************');
  if (expiries.includes(code))
    return new AwsError(operation, code, `${masked.replace(/\.?$/, '.')} ${renew}`);
  if (!refusals.includes(code)) return new AwsError(operation, code, masked);
  const plain = masked.replace(encoded, '').replace(/\.?$/, '.');
  return new AwsError(operation, code, `${plain} ${howToAllow(operation, plain)}`);
}

/** AWS does not always name the action: of a launch template it says only that the caller may not use it. */
function howToAllow(operation: string, message: string): string {
  const named = /not authorized to perform: ([\w-]+:\w+)/.exec(message)?.[1];
  const needed = named ?? checkedWith(actionOf(operation) ?? operation).join(', ');
  return `The role of the workflow needs ${needed}: give it the policy docs/iam-policy.json, with the name of the cluster in it, and see docs/rights.md.`;
}

export const isAwsError = (error: unknown, code: string): error is AwsError =>
  error instanceof AwsError && error.code === code;
