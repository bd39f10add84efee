/**
 * Two workers take the suites in this order: beside the random worlds, which compute, the contract, which mostly waits; then the
 * upgrades, for themselves.
 */
const order = ['differential', 'contract', 'dns', 'upgrades'];

/** https://jestjs.io/docs/configuration#testsequencer-string */
export default class {
  sort(tests) {
    const place = ({ path }) => order.findIndex((name) => path.endsWith(`/${name}.test.ts`));
    return [...tests].sort((a, b) => place(a) - place(b));
  }

  // The order does not depend on what was before.
  cacheResults() {}

  allFailedTests(tests) {
    return tests;
  }
}
