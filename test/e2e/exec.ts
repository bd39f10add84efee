import { WebSocket } from 'ws';
import type { ControlPlane } from '../../src/rehearsal/control-plane/control-plane.ts';

/** What the command wrote to stdout, and whether it ended well. */
export interface Executed {
  success: boolean;
  stdout: string;
}

/**
 * Runs a command in a pod through the API server. By v4 of the protocol: v5 is what older API servers translate to SPDY, which
 * the kubelets here do not speak.
 */
export async function execute(
  { url, certificate, credentials }: ControlPlane,
  pod: { namespace: string; name: string },
  command: readonly string[],
): Promise<Executed> {
  const query = new URLSearchParams({ stdout: 'true' });
  for (const word of command) query.append('command', word);
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}/exec?${query}`;
  const socket = new WebSocket(`${url}${path}`, 'v4.channel.k8s.io', {
    ca: certificate,
    headers: { authorization: `Bearer ${credentials.tokens.admin}` },
  });
  const channels = ['', '', '', ''];
  socket.on('message', (data: Buffer) => {
    const channel = data[0] ?? 0;
    channels[channel] += data.subarray(1).toString();
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => resolve()).once('error', reject);
  });
  const [, stdout = '', , status] = channels;
  return { success: JSON.parse(status || '{}').status === 'Success', stdout };
}
