import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeForm, encodeXml } from './codec.ts';
import { permit } from './policy.ts';
import { autoScaling } from './services/auto-scaling.ts';
import { ec2 } from './services/ec2.ts';
import { loadBalancingClassic, loadBalancingV2 } from './services/load-balancing.ts';
import { iam, serviceQuotas, ssm, sts } from './services/others.ts';
import { type Service, shapesOf } from './services/service.ts';
import { AwsRefusal } from './state.ts';
import type { AwsWorld } from './world.ts';

export interface AwsServerOptions {
  world: AwsWorld;
  /** Where the cluster's API is, for EKS DescribeCluster; PEM certificate. */
  cluster: () => { endpoint: string; certificate: string };
  /** An answer in place of the real one. */
  intercept?: (call: {
    service: string;
    action: string;
  }) => { status: number; code: string; message: string } | undefined;
  /** How old an answer may be that is given once more; 0 for a fresh one. */
  staleMs?: (call: { service: string; action: string }) => number;
}

const namespaces: Record<string, string> = {
  autoscaling: 'http://autoscaling.amazonaws.com/doc/2011-01-01/',
  ec2: 'http://ec2.amazonaws.com/doc/2016-11-15/',
  sts: 'https://sts.amazonaws.com/doc/2011-06-15/',
  iam: 'https://iam.amazonaws.com/doc/2010-05-08/',
};
/** What a program needs in its environment to reach the account at this address. */
export const awsEnvironment = (url: string, region: string): Record<string, string> => ({
  AWS_ENDPOINT_URL: url,
  AWS_ACCESS_KEY_ID: 'embedded',
  AWS_SECRET_ACCESS_KEY: 'embedded',
  AWS_REGION: region,
});

const requestId = '00000000-0000-0000-0000-000000000000';

/** Serves the embedded AWS on one endpoint; which service is meant stands in the signature. */
export async function startAwsServer(options: AwsServerOptions): Promise<{ url: string; close(): void }> {
  const { world } = options;
  const services = [
    autoScaling(world),
    ec2(world),
    loadBalancingV2(world),
    loadBalancingClassic(world),
    ssm(world),
    sts(world),
    iam(),
    serviceQuotas(),
  ];
  const given: Given = new Map();
  const server = createServer((request, response) => {
    answer(options, services, given, request, response).catch((error) => {
      response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** What a replica that lags behind answers to each question, and since when. */
type Given = Map<string, { at: number; output: object }>;

async function answer(
  options: AwsServerOptions,
  services: Service[],
  given: Given,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://x');
  const body = await bodyOf(request);
  const signingName = signingNameOf(request, url);
  if (signingName === 'eks') return eks(options, url.pathname, response);
  const form = new URLSearchParams(body || url.search);
  const target = String(request.headers['x-amz-target'] ?? '');
  const action = target.split('.')[1] ?? form.get('Action') ?? '';
  const service = services.find(
    (s) =>
      s.signingName === signingName &&
      (s.protocol === 'json' || !form.has('Version') || s.version === form.get('Version')),
  );
  const shapes = service && shapesOf(service, action);
  const act = service?.actions[action];
  try {
    if (!service || !shapes || !act)
      throw new AwsRefusal('InvalidAction', `The embedded AWS does not serve ${signingName} ${action}.`);
    const intercepted = options.intercept?.({ service: signingName, action });
    if (intercepted) throw new AwsRefusal(intercepted.code, intercepted.message, intercepted.status);
    const input =
      service.protocol === 'json'
        ? JSON.parse(body || '{}')
        : decodeForm(shapes.input, form, service.protocol === 'ec2' ? 'ec2' : 'query');
    permit(options.world, { action: `${signingName}:${action}`, input });
    const question = `${signingName} ${action} ${body}`;
    const staleMs = options.staleMs?.({ service: signingName, action }) ?? 0;
    const last = given.get(question);
    const stale = last && Date.now() - last.at < staleMs;
    const output = stale ? last.output : act(input as never);
    if (staleMs > 0 && !stale) given.set(question, { at: Date.now(), output });
    if (service.protocol === 'json') return sendJson(response, 200, output);
    const dialect = service.protocol === 'ec2' ? 'ec2' : 'query';
    const xml = encodeXml(shapes.output, output, dialect);
    const namespace =
      namespaces[signingName] ?? `http://elasticloadbalancing.amazonaws.com/doc/${service.version}/`;
    const content =
      dialect === 'ec2'
        ? `<${action}Response xmlns="${namespace}"><requestId>${requestId}</requestId>${xml}</${action}Response>`
        : `<${action}Response xmlns="${namespace}"><${action}Result>${xml}</${action}Result><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${action}Response>`;
    sendXml(response, 200, content);
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    if (service?.protocol === 'json')
      return sendJson(response, error.status, { __type: error.code, message: error.message });
    const inner = `<Code>${error.code}</Code><Message>${error.message.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</Message>`;
    const content =
      service?.protocol === 'ec2'
        ? `<Response><Errors><Error>${inner}</Error></Errors><RequestID>${requestId}</RequestID></Response>`
        : `<ErrorResponse><Error><Type>Sender</Type>${inner}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
    sendXml(response, error.status, content);
  }
}

/** EKS DescribeCluster, the one call of a REST protocol. */
function eks(options: AwsServerOptions, path: string, response: ServerResponse): void {
  const name = decodeURIComponent(/^\/clusters\/([^/]+)$/.exec(path)?.[1] ?? '');
  const { cluster, version } = options.world.description;
  try {
    permit(options.world, { action: 'eks:DescribeCluster', input: { name } });
    if (name !== cluster)
      throw new AwsRefusal('ResourceNotFoundException', `No cluster found for name: ${name}.`, 404);
  } catch (error) {
    if (!(error instanceof AwsRefusal)) throw error;
    response.setHeader('x-amzn-errortype', error.code);
    return sendJson(response, error.status, { __type: error.code, message: error.message });
  }
  const { endpoint, certificate } = options.cluster();
  sendJson(response, 200, {
    cluster: {
      name,
      endpoint,
      version,
      status: 'ACTIVE',
      certificateAuthority: { data: Buffer.from(certificate).toString('base64') },
    },
  });
}

/** The service stands in the credential scope of the signature, in the header or, when presigned, in the query. */
function signingNameOf(request: IncomingMessage, url: URL): string {
  const credential =
    /Credential=([^,]+)/.exec(request.headers.authorization ?? '')?.[1] ??
    url.searchParams.get('X-Amz-Credential') ??
    '';
  // An unsigned call (AssumeRoleWithWebIdentity) can only be for STS.
  return credential.split('/')[3] ?? 'sts';
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function sendXml(response: ServerResponse, status: number, content: string): void {
  response.writeHead(status, { 'content-type': 'text/xml', 'x-amzn-requestid': requestId });
  response.end(`<?xml version="1.0" encoding="UTF-8"?>\n${content}`);
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': requestId });
  response.end(JSON.stringify(body));
}
