import common from './jest.config.mjs';

/** What runs on a real control plane; `npm run test:real` makes sure that there is one. */
export default {
  ...common,
  testMatch: ['<rootDir>/test/e2e/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 150_000,
  testSequencer: '<rootDir>/test/e2e/sequencer.mjs',
  maxWorkers: 2,
  // Two upgrades at a time: they wait more than they work.
  maxConcurrency: 2,
};
