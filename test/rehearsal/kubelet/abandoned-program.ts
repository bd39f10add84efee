import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Children } from '../../../src/rehearsal/kubelet/children.ts';

/** Starts a process that watches nothing, as redis-server does, prints its id, and waits to be killed. */
const log = join(mkdtempSync(join(tmpdir(), 'abandoned-')), 'log');
const { child } = new Children().spawn({ file: 'sleep', args: ['60'] }, { PATH: process.env.PATH }, log);
// The message about it may still be on its way to the program that would end it.
setTimeout(() => console.log(child.pid), 500);
