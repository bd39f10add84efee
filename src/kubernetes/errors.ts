import type { IncomingMessage } from 'node:http';
import { type EvictionAnswer, KubernetesError } from '../cluster/ports.ts';

interface Status {
  reason?: string;
  message?: string;
  details?: { causes?: KubernetesError['causes']; retryAfterSeconds?: number };
}

/** Turns a response that is no success into a KubernetesError, whether the body is a Status object or plain text. */
export function errorFrom(what: string, response: IncomingMessage, body: string): KubernetesError {
  const status = response.statusCode ?? 0;
  const parsed = parseStatus(body);
  const header = Number(response.headers['retry-after']);
  const retryAfter = parsed.details?.retryAfterSeconds ?? (Number.isFinite(header) ? header : undefined);
  const message = parsed.message ?? (body.trim().slice(0, 200) || `status ${status}`);
  return new KubernetesError(
    status,
    parsed.reason ?? '',
    `${what}: ${message}${howToAllow(status, message)}`,
    parsed.details?.causes ?? [],
    retryAfter,
  );
}

/** A 403 has other reasons too: a quota, a webhook, a namespace that is being deleted. */
function howToAllow(status: number, message: string): string {
  if (status === 401)
    return '. The cluster does not know the role of the workflow: map it to a group as docs/rbac.yaml says at its top; or its credentials have run out: run the workflow again, and it goes on.';
  const missing = status === 403 && /cannot \w+ resource ".+?"/.test(message);
  return missing ? '. Give the role of the workflow the rights of docs/rbac.yaml; see docs/rights.md.' : '';
}

function parseStatus(body: string): Status {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Status) : {};
  } catch {
    return {};
  }
}

/** https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/pod/storage/eviction.go */
const severalBudgets = 'more than one PodDisruptionBudget';

/** What an unsuccessful eviction means for the caller; the one place that knows the codes. */
export function evictionAnswer(error: KubernetesError): EvictionAnswer {
  const { status, message, causes } = error;
  const retry = error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds };
  switch (status) {
    case 404:
      return { kind: 'gone' };
    case 409:
      // The UID precondition failed: another pod has this name now, so ours has left.
      return { kind: 'gone' };
    case 429:
      // A full budget says so in its causes; without it the API server itself is throttling.
      return causes.some((c) => c.reason === 'DisruptionBudget')
        ? { kind: 'budget', message: causes.map((c) => c.message).join('; ') || message, ...retry }
        : { kind: 'busy', message, ...retry };
    case 403:
      // A namespace that is being deleted refuses evictions, but takes its pods along.
      return causes.some((c) => c.reason === 'NamespaceTerminating')
        ? { kind: 'namespace-terminating', message }
        : { kind: 'refused', status, message };
    default:
      if (message.includes(severalBudgets)) return { kind: 'several-budgets', message };
      return status >= 500 ? { kind: 'busy', message, ...retry } : { kind: 'refused', status, message };
  }
}
