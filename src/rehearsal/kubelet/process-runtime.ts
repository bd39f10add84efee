import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Container, Pod } from '../../cluster/objects.ts';
import { claimNameOf } from '../../cluster/volumes.ts';
import { messageOf } from '../../text.ts';
import { type Discovery, images } from '../images/index.ts';
import { Children } from './children.ts';
import { withPodDns } from './pod-dns.ts';
import type { RunningContainer, Runtime } from './runtime.ts';

export interface ProcessRuntimeOptions {
  /** Where volumes, logs and configuration files go. */
  directory: string;
  /** Path of redis-server; without it Redis containers are weightless. */
  redisServer?: string;
  /** Finds the addresses of pods by label, as a headless Service would. */
  discovery: Discovery;
  /** The first two numbers of the pods' addresses, for example `127.64`: all must be local, and no other cluster's. */
  network: string;
  /** Address of the cluster's DNS: with it, each process has a resolv.conf of its pod's. */
  nameserver?: string;
}

/** Runs the images of src/rehearsal/images as real processes, each pod on a local address of its own. */
export function processRuntime(options: ProcessRuntimeOptions): Runtime {
  const children = new Children();
  let addresses = 0;

  return {
    runs(container) {
      const image = images[container.image ?? ''];
      return image !== undefined && (!image.needsRedis || options.redisServer !== undefined);
    },
    start: (pod, container, address) => start(options, children, pod, container, address),
    nextAddress() {
      addresses++;
      return `${options.network}.${Math.floor(addresses / 250)}.${1 + (addresses % 250)}`;
    },
    connect: (address, port) => openSocket(address, port),
    probe: (address, port, path) =>
      path === undefined ? probeTcp(address, port) : probeHttp(address, port, path),
    stop: () => children.stop(),
  };
}

/** Where the output of a pod's containers goes. */
export const podLog = (directory: string, { metadata: { namespace, name, uid } }: Pod): string =>
  join(directory, 'logs', `${namespace}.${name}.${uid?.slice(0, 8)}.log`);

function start(
  options: ProcessRuntimeOptions,
  children: Children,
  pod: Pod,
  container: Container,
  address: string,
): RunningContainer {
  const { namespace = '', name } = pod.metadata;
  const directory = directoryOf(options.directory, pod, container);
  const log = podLog(options.directory, pod);
  mkdirSync(join(options.directory, 'logs'), { recursive: true });
  let child: ChildProcess | undefined;
  let killed = false;

  const exited = (async () => {
    const image = images[container.image ?? ''];
    if (!image) return 127;
    const env = Object.fromEntries((container.env ?? []).map((e) => [e.name, e.value ?? '']));
    const { nameserver } = options;
    const command = await image.command({
      pod,
      env,
      args: container.args ?? [],
      address,
      directory,
      discovery: options.discovery,
      redisServer: options.redisServer ?? '',
      stopped: () => killed,
    });
    if (killed || !command) return 143;
    const inPod = nameserver
      ? withPodDns(command, pod, { nameserver, directory: options.directory })
      : command;
    const started = children.spawn(inPod, { PATH: process.env.PATH, ...env, ...inPod.env }, log);
    child = started.child;
    return started.exited;
  })().catch((error) => {
    console.error(`${namespace}/${name}: ${messageOf(error)}`);
    return 1;
  });

  return {
    exited,
    signal(wanted) {
      killed = true;
      child?.kill(wanted);
    },
  };
}

/** A claim's directory outlives the pod; anything else is the pod's own. */
function directoryOf(root: string, pod: Pod, container: Container): string {
  const mounted = new Set((container.volumeMounts ?? []).map((m) => m.name));
  const [claim] = (pod.spec.volumes ?? []).flatMap((v) =>
    mounted.has(v.name) ? (claimNameOf(pod, v) ?? []) : [],
  );
  const directory = claim
    ? join(root, 'volumes', `${pod.metadata.namespace}.${claim}`)
    : join(root, 'pods', pod.metadata.uid ?? '');
  mkdirSync(directory, { recursive: true });
  return directory;
}

const probeMs = 1000;

function openSocket(address: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host: address, port, noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function probeTcp(address: string, port: number): Promise<boolean> {
  const socket = await openSocket(address, port).catch(() => undefined);
  socket?.destroy();
  return socket !== undefined;
}

function probeHttp(host: string, port: number, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host, port, path, timeout: probeMs, agent: false }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 400);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
