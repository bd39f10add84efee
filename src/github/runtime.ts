import * as core from '@actions/core';
import { context } from '@actions/github';

/** GitHub shows 10 annotations of a kind per step; the rest would vanish unseen. */
const mostWarnings = 9;

/** The job this process runs in: inputs, outputs, log and summary. The only way to GitHub's runner files. */
export function githubRuntime() {
  let warnings = 0;
  let folding = false;
  return {
    input: (name: string): string => core.getInput(name),
    state: (name: string): string => core.getState(name),
    saveState: (name: string, value: string): void => core.saveState(name, value),
    output: (name: string, value: string): void => core.setOutput(name, value),
    say: (line: string): void => core.info(`${new Date().toISOString().slice(11, 19)} ${line}`),
    /** https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#grouping-log-lines: groups do not nest. */
    fold(title?: string): void {
      if (folding) core.endGroup();
      folding = title !== undefined;
      if (title !== undefined) core.startGroup(title);
    },
    warn(line: string): void {
      if (++warnings <= mostWarnings) core.warning(line);
      else core.info(`Warning: ${line}`);
    },
    fail(message: string): void {
      core.setFailed(message);
    },
    async summary(markdown: string): Promise<void> {
      if (!process.env.GITHUB_STEP_SUMMARY) return;
      await core.summary.addRaw(limited(markdown), true).write();
    },
    /**
     * A token that says which job this is.
     * @throws Error that says what the job must allow.
     */
    async identityToken(audience: string): Promise<string> {
      try {
        return await core.getIDToken(audience);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(
          `role-to-assume: GitHub gave the job no OIDC token. Allow it with permissions: id-token: write. (${why})`,
        );
      }
    },
    mask: (secret: string): void => core.setSecret(secret),
    /** Which run this is, for people who find its lease: repository, run and attempt. */
    caller: (): string => {
      const { GITHUB_REPOSITORY: repository = 'a local run', GITHUB_RUN_ATTEMPT: attempt = '1' } =
        process.env;
      return context.runId
        ? `${repository} run ${context.runId} attempt ${attempt}`
        : `${repository} process ${process.pid}`;
    },
    directory: (): string => process.env.RUNNER_TEMP || process.cwd(),
  };
}

export type GithubRuntime = ReturnType<typeof githubRuntime>;

/** https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions#step-isolation-and-limits: 1 MiB per step. */
const summaryLimit = 1_000_000;

function limited(markdown: string): string {
  return Buffer.byteLength(markdown) <= summaryLimit
    ? markdown
    : `${markdown.slice(0, summaryLimit / 2)}\n\n… cut: too long for a job summary.\n`;
}
