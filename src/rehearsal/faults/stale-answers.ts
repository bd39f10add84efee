import type { Fault } from './fault.ts';

/** https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html: what was just written may not be seen yet. */
export const staleAnswers: Fault = {
  name: 'stale-answers',
  what: 'every other Describe of AWS answers as it did up to eight seconds ago',
  staleMs: ({ action }, random) => (/^Describe/.test(action) && random.next() < 0.5 ? 8000 : 0),
  explained: { byWords: [], conclusion: 'success' },
};
