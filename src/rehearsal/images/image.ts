import { fileURLToPath } from 'node:url';
import type { Pod } from '../../cluster/objects.ts';

/** Addresses of the pods that a label query finds, with their names. */
export type Discovery = (namespace: string, labels: string) => { name: string; ip: string }[];

export interface ImageContext {
  pod: Pod;
  env: Record<string, string>;
  /** The container's arguments, for the program that the image runs. */
  args: readonly string[];
  /** The pod's own address. */
  address: string;
  /** The mounted volume, or a directory of the pod's own. */
  directory: string;
  discovery: Discovery;
  redisServer: string;
  /** True once the container was told to stop, also while its entrypoint is still finding things out. */
  stopped: () => boolean;
}

export interface Command {
  file: string;
  args: string[];
  env?: Record<string, string>;
}

/** What a container image does when it starts: its entrypoint finds the command to run. */
export interface Image {
  needsRedis?: boolean;
  /** Undefined when it was stopped before it knew. */
  command(context: ImageContext): Promise<Command | undefined>;
}

/** A program of ours, run by the same Node as the rehearsal; it ends when its stdin closes, so none outlives us. */
export function ownProgram(url: string, name: string, env: Record<string, string>): Command {
  const extension = url.endsWith('.ts') ? '.ts' : '.js';
  return { file: process.execPath, args: [fileURLToPath(new URL(`./${name}${extension}`, url))], env };
}
