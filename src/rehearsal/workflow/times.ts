/** How long the runner waits; tests shorten it. */
export interface RunnerTimes {
  /** From SIGINT to SIGTERM, and from there to SIGKILL: ProcessInvoker.cs of https://github.com/actions/runner. */
  interruptMs: number;
  terminateMs: number;
  /** What a cancelled job has for its `always()` and post steps: https://docs.github.com/en/actions/reference/workflow-cancellation-reference. */
  cancelledJobMs: number;
  /** How long the output of an ended program may stay open in the hands of a program that it left behind. */
  openOutputMs: number;
  /** A minute of `timeout-minutes`. */
  minuteMs: number;
}

export const githubTimes: RunnerTimes = {
  interruptMs: 7500,
  terminateMs: 2500,
  cancelledJobMs: 5 * 60_000,
  openOutputMs: 5000,
  minuteMs: 60_000,
};
