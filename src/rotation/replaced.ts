import type { Clock } from '../clock.ts';
import type { Member } from '../cluster/members.ts';
import { homeOf } from './move-into.ts';
import type { StepSeconds } from './step-times.ts';

/** One node that was replaced, for the summary. */
export interface Replaced {
  node: string;
  group: string;
  wave: number;
  /** Of its whole wave, and of the steps of it. */
  seconds: number;
  steps: StepSeconds;
}

/** Members that were told to terminate, until they are gone. */
export class Ending {
  readonly #clock: Clock;
  readonly #onReplaced: (replaced: Replaced) => void;
  readonly #open = new Map<string, { replaced: Replaced; tainted: number }>();
  readonly #all: Replaced[] = [];

  constructor(clock: Clock, onReplaced: (replaced: Replaced) => void) {
    this.#clock = clock;
    this.#onReplaced = onReplaced;
  }

  /**
   * @param tainted when its way out began, in epoch milliseconds
   * @param steps of its wave, which may go on
   */
  add(member: Member, wave: number, tainted: number, steps: StepSeconds): void {
    const { instanceId, node } = member;
    const replaced = {
      node: node?.metadata.name ?? instanceId,
      group: homeOf(member),
      wave,
      seconds: 0,
      steps,
    };
    this.#open.set(instanceId, { replaced, tainted });
    this.#all.push(replaced);
  }

  /** The wave has passed the gate, so many seconds after the one before. */
  passed(wave: number, seconds: number): void {
    for (const replaced of this.#all) if (replaced.wave === wave) replaced.seconds = seconds;
  }

  /** Returns how long its whole way out took, in milliseconds; undefined for a member that another process has sent off. */
  gone({ instanceId }: Member, toldAt: number): number | undefined {
    const one = this.#open.get(instanceId);
    if (!one) return undefined;
    one.replaced.steps.terminate = Math.round((this.#clock.now() - toldAt) / 1000);
    this.#tell(instanceId);
    return this.#clock.now() - one.tainted;
  }

  /** Nobody waits any longer for those that are not gone. */
  close(): void {
    for (const id of [...this.#open.keys()]) this.#tell(id);
  }

  #tell(instanceId: string): void {
    const one = this.#open.get(instanceId);
    this.#open.delete(instanceId);
    if (one) this.#onReplaced(one.replaced);
  }
}
