/** What main left in the saved state of its step; the only thing post may read. */
export interface SavedState {
  operation: string;
  runId: string;
  /** Empty when main was killed before it could end. */
  ended: string;
}

/** What post tells about a main that was killed: nothing was put back then, and the person must know how. */
export function afterwards(state: SavedState): { log: string; summary?: string } {
  if (state.ended) return { log: `${state.operation} ended by itself: ${state.ended}.` };
  if (!state.runId) return { log: `${state.operation} was killed before it changed anything.` };
  const text =
    `${state.operation} was killed during run ${state.runId}. What it changed is in the journal, ConfigMap kube-system/eks-rolling-${state.runId}. ` +
    'Run the workflow again to go on where it stopped (a rollback: `phase: rollback`), run rotate-nodes with `phase: restore` to put every setting back, ' +
    `or with \`phase: rollback\` and \`run-id: ${state.runId}\` to return to the old nodes.`;
  return { log: text, summary: `### ${state.operation}: killed\n\n${text}\n` };
}
