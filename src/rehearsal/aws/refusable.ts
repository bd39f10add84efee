import { awsError } from '../../aws/errors.ts';
import { AwsRefusal } from './state.ts';

/** What AWS refuses reaches the domain as the error of the port. */
export function refusable<T>(operation: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof AwsRefusal) throw awsError(operation, error.code, error.message);
    throw error;
  }
}
