/** Does one thing after the other, whoever asks. */
export type InTurn = <T>(act: () => Promise<T>) => Promise<T>;

/**
 * For what reads a size and sets another: launching and terminating at the same time, each would count without the other.
 */
export function turns(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (act) => {
    const mine = last.then(act, act);
    last = mine.catch(() => {});
    return mine;
  };
}
