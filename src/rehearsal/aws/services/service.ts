import type { Schema } from '../codec.ts';

/** One AWS service: its protocol, where the SDK keeps its shapes, and what it does for each action. */
export interface Service {
  /** As in the signature's credential scope. */
  signingName: string;
  protocol: 'query' | 'ec2' | 'json';
  version: string;
  /** The SDK's module: operations are exported as `<Action>$`, a list of seven whose last two are input and output. */
  shapes: Record<string, unknown>;
  actions: Record<string, (input: never) => object>;
}

/** The input and output shapes of an operation as the SDK exports it. */
export function shapesOf(service: Service, action: string): { input: Schema; output: Schema } | undefined {
  const operation = service.shapes[`${action}$`] as
    | [number, string, string, unknown, () => Schema, () => Schema]
    | undefined;
  return operation ? { input: operation[4](), output: operation[5]() } : undefined;
}
