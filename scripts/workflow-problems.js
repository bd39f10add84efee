const pinned = /^[^@]+@[0-9a-f]{40}$/;
const local = /^[.$]\//;
/**
 * What the language service does not flag: outputs that no step or job declares, inputs that an action of this repository does
 * not have or needs, actions of others that are not pinned, and a workflow that keeps the default permissions.
 */
export function problemsOfWorkflow(file, document, readAction) {
  const workflow = document;
  const problems = [];
  if (workflow.permissions === undefined)
    problems.push('no permissions at the top level; begin with `permissions: {}`');
  for (const [jobId, job] of Object.entries(workflow.jobs ?? {})) {
    const outputsOf = new Map();
    for (const step of job.steps ?? []) {
      if (!step.uses) continue;
      if (!local.test(step.uses)) {
        if (!pinned.test(step.uses)) problems.push(`${jobId}: ${step.uses} is not pinned by its commit`);
        continue;
      }
      const action = readAction(step.uses);
      if (!action) problems.push(`${jobId}: ${step.uses} does not exist`);
      if (step.id) outputsOf.set(step.id, action && new Set(Object.keys(action.outputs ?? {})));
      problems.push(...inputProblems(jobId, step, action));
    }
    for (const [, step = '', output = ''] of JSON.stringify(job).matchAll(
      /steps\.([\w-]+)\.outputs\.([\w-]+)/g,
    )) {
      const declared = outputsOf.get(step);
      if (!(job.steps ?? []).some((s) => s.id === step)) problems.push(`${jobId}: there is no step ${step}`);
      else if (declared && !declared.has(output))
        problems.push(`${jobId}: step ${step} has no output ${output}`);
    }
    for (const [, other = '', output = ''] of JSON.stringify(job).matchAll(
      /needs\.([\w-]+)\.outputs\.([\w-]+)/g,
    )) {
      if (![job.needs ?? []].flat().includes(other))
        problems.push(`${jobId}: does not need ${other}, but reads its outputs`);
      else if (!(output in (workflow.jobs?.[other]?.outputs ?? {})))
        problems.push(`${jobId}: job ${other} has no output ${output}`);
    }
  }
  return problems.map((problem) => `${file}: ${problem}`);
}
function inputProblems(job, step, action) {
  const inputs = action?.inputs ?? {};
  const given = Object.keys(step.with ?? {});
  const unknown = given
    .filter((name) => !(name in inputs))
    .map((name) => `${job}: ${step.uses} has no input ${name}`);
  const missing = Object.entries(inputs)
    .filter(([name, { required }]) => required && !given.includes(name))
    .map(([name]) => `${job}: ${step.uses} needs the input ${name}`);
  return [...unknown, ...missing];
}
