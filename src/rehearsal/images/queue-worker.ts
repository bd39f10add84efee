/** The program of the `queue-consumer` image. */
const { QUEUE_URL = '' } = process.env;
const idleMs = 50;
let leaving = false;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function post(path: string, body?: object): Promise<{ id: number; work: number } | undefined> {
  const response = await fetch(QUEUE_URL + path, {
    method: 'POST',
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return response.status === 200 ? ((await response.json()) as { id: number; work: number }) : undefined;
}

process.on('SIGTERM', () => {
  leaving = true;
});
process.stdin.on('end', () => process.exit(0)).resume();

while (!leaving) {
  const job = await post('/take').catch(() => undefined);
  if (!job) await pause(idleMs);
  else {
    await pause(job.work);
    // A job whose end the queue has not heard of counts as lost.
    while (
      !(await post('/done', { id: job.id }).then(
        () => true,
        () => false,
      ))
    )
      await pause(idleMs);
  }
}
process.exit(0);
