import { runInNamespace } from '../../../src/rehearsal/control-plane/namespace.ts';

/** Runs a shell command in a namespace, and ends with its exit code. */
process.exitCode = await runInNamespace(['sh', '-c', process.argv[2] ?? ''], {});
