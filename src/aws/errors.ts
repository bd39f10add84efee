import { AwsError } from '../cluster/ports.ts';

/** Account ids must not reach logs or outputs: GitHub drops an output in which it finds a masked one. */
const account = /\b\d{12}\b/g;

/** Runs one AWS call and turns what it throws into an AwsError that names operation and code. */
export async function calling<T>(operation: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const { name = 'Error', message = String(error) } = error as { name?: string; message?: string };
    throw new AwsError(operation, name, message.replace(account, '************'));
  }
}

export const isAwsError = (error: unknown, code: string): error is AwsError =>
  error instanceof AwsError && error.code === code;
