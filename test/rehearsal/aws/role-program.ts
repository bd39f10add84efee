import { clusterAccess, connectAws } from '../../../src/aws/connect.ts';
import { roleCredentials } from '../../../src/aws/credentials.ts';
import { startAwsServer } from '../../../src/rehearsal/aws/server.ts';
import { AwsWorld } from '../../../src/rehearsal/aws/world.ts';
import { account, cluster } from '../../../src/rehearsal/scenario/account.ts';
import { wallClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';
import { messageOf } from '../../../src/text.ts';

/** A role that is assumed with a token of the job, through the unmodified SDK. */
const description = account();
const { region } = description;
const calls: string[] = [];
const world = new AwsWorld({
  clock: wallClock,
  random: new Random(1),
  factor: 200,
  machineRoom: { boot: () => {}, halt: () => {} },
  description,
});
let refused = false;
const server = await startAwsServer({
  world,
  cluster: () => ({ endpoint: 'https://127.0.0.1:1', certificate: 'certificate' }),
  intercept: ({ service, action }) => {
    calls.push(`${service} ${action}`);
    return refused && service === 'sts'
      ? {
          status: 403,
          code: 'AccessDenied',
          message: 'Not authorized to perform sts:AssumeRoleWithWebIdentity',
        }
      : undefined;
  },
});
process.env.AWS_ENDPOINT_URL = server.url;
// No other credentials: those of the role or none.
for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_PROFILE'])
  delete process.env[name];

const tokens: string[] = [];
const job = () =>
  roleCredentials({
    role: 'arn:aws:iam::123456789012:role/eks-rolling',
    region,
    sessionName: 'eks-rolling',
    identityToken: async () => {
      tokens.push('asked');
      return 'header.payload.signature';
    },
    clock: wallClock,
    say: () => {},
  });

const credentials = job();
const aws = connectAws({ region, clock: wallClock, credentials });
const groups = await aws.groups({ tags: { [`kubernetes.io/cluster/${cluster}`]: '*' } });
const access = await clusterAccess(cluster, region, credentials);
const presigned = Buffer.from((await access.token()).replace('k8s-aws-v1.', ''), 'base64url').toString();
refused = true;
const failure = await connectAws({ region, clock: wallClock, credentials: job() })
  .groups({ names: ['x'] })
  .then(String, messageOf);
server.close();
process.stdout.write(
  JSON.stringify({
    groups: groups.length,
    tokens: tokens.length,
    assumed: calls.filter((c) => c === 'sts AssumeRoleWithWebIdentity').length,
    presignedWith: /X-Amz-Credential=([^%]+)%2F/.exec(presigned)?.[1],
    endpoint: access.endpoint,
    failure,
  }),
);
process.exit(0);
