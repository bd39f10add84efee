import type { ServerResponse } from 'node:http';
import { KubernetesError } from '../../cluster/ports.ts';

/** A metav1.Status object for an error, as the API server answers it. */
export function statusOf(error: KubernetesError): object {
  const { reason, message, status, causes, retryAfterSeconds } = error;
  const details = {
    ...(causes.length > 0 ? { causes } : {}),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    details,
    code: status,
  };
}

export function sendError(response: ServerResponse, thrown: unknown): void {
  const error =
    thrown instanceof KubernetesError
      ? thrown
      : new KubernetesError(500, 'InternalError', thrown instanceof Error ? thrown.message : String(thrown));
  if (response.headersSent) {
    response.end();
    return;
  }
  const retry =
    error.retryAfterSeconds === undefined ? {} : { 'retry-after': String(error.retryAfterSeconds) };
  response.writeHead(error.status, { 'content-type': 'application/json', ...retry });
  response.end(JSON.stringify(statusOf(error)));
}

export function sendJson(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
