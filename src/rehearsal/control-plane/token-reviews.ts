import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { makeCertificate } from './credentials.ts';

/** The user and groups of a bearer token; undefined refuses it. */
export type TokenReviewer = (token: string) => { username: string; groups: string[] } | undefined;

/**
 * Serves the webhook that an API server asks about tokens it does not know, as aws-iam-authenticator does for EKS:
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
 */
export async function serveTokenReviews(
  reviewer: TokenReviewer,
): Promise<{ url: string; certificate: string; close(): void }> {
  const { key, cert } = await makeCertificate('authenticator', ['127.0.0.1']);
  const server = createServer({ key, cert }, async (request, response) => {
    const { apiVersion, kind, spec } = JSON.parse(await text(request));
    const user = reviewer(spec.token);
    const status = user ? { authenticated: true, user } : { authenticated: false };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ apiVersion, kind, status }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificate: cert,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
