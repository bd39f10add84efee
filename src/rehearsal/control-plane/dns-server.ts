import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  AUTHORITATIVE_ANSWER,
  type DecodedPacket,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import type { Objects } from '../kubernetes/store.ts';
import { type DnsAnswer, dnsAnswer } from './dns.ts';

export interface DnsServerOptions {
  address: string;
  /** 0 takes any free one. */
  port: number;
  store: Pick<Objects, 'list'>;
  say: (line: string) => void;
}

export interface DnsServer {
  port: number;
  close(): void;
}

const nxDomain = 3;
/** How much a client takes by UDP that does not say so: https://www.rfc-editor.org/rfc/rfc1035#section-4.2.1 */
const leastUdpBytes = 512;
const edns: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

/** Answers for the names of the cluster by UDP and TCP, always from the objects as they are. */
export async function startDnsServer({ address, port, store, say }: DnsServerOptions): Promise<DnsServer> {
  const answer = (query: DecodedPacket): DnsAnswer | undefined => {
    const [question] = query.questions ?? [];
    const named = { services: store.list('services'), endpointSlices: store.list('endpointslices') };
    return question && dnsAnswer(question, named);
  };
  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy()));
    eachMessage(socket, (message) => {
      const reply = replyTo(message, answer, false);
      if (reply) socket.write(Buffer.concat([lengthOf(reply), reply]));
    });
  });
  await new Promise<void>((resolve, reject) => {
    tcp.once('error', reject).listen(port, address, resolve);
  });
  const bound = (tcp.address() as AddressInfo).port;
  const udp = createSocket('udp4', (message, { address: host, port: from }) => {
    const reply = replyTo(message, answer, true);
    if (reply) udp.send(reply, from, host);
  });
  await new Promise<void>((resolve, reject) => {
    udp.once('error', reject).bind(bound, address, resolve);
  });
  for (const server of [tcp, udp]) server.on('error', (error: Error) => say(`DNS: ${error.message}`));
  return {
    port: bound,
    close() {
      udp.close();
      tcp.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Undefined when it is no query. */
function replyTo(
  message: Buffer,
  answer: (query: DecodedPacket) => DnsAnswer | undefined,
  byUdp: boolean,
): Buffer | undefined {
  const query = decoded(message);
  const found = query?.type === 'query' ? answer(query) : undefined;
  if (!query || !found) return undefined;
  const asked = query.additionals?.find((record) => record.type === 'OPT');
  const flags =
    AUTHORITATIVE_ANSWER | ((query.flags ?? 0) & RECURSION_DESIRED) | (found.exists ? 0 : nxDomain);
  const packet: Packet = {
    type: 'response',
    id: query.id ?? 0,
    flags,
    questions: query.questions,
    answers: found.answers,
    additionals: [...found.additionals, ...(asked ? [edns] : [])],
  };
  const reply = encode(packet);
  if (!byUdp || reply.length <= Math.max(leastUdpBytes, asked?.udpPayloadSize ?? 0)) return reply;
  // The client asks again by TCP.
  return encode({
    ...packet,
    flags: flags | TRUNCATED_RESPONSE,
    answers: [],
    additionals: asked ? [edns] : [],
  });
}

function decoded(message: Buffer): DecodedPacket | undefined {
  try {
    return decode(message);
  } catch {
    return undefined;
  }
}

/** By TCP each message follows its length in two bytes: https://www.rfc-editor.org/rfc/rfc1035#section-4.2.2 */
function eachMessage(socket: Socket, take: (message: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
      const end = 2 + rest.readUInt16BE();
      take(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  });
}

function lengthOf(message: Buffer): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(message.length);
  return bytes;
}
