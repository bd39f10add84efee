import type { Clock } from '../clock.ts';
import { messageOf } from '../text.ts';

/** In the shape of the SDK. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** The AWS credentials of this process. */
export interface JobCredentials {
  provider: () => Promise<Credentials>;
  /** When they end, in epoch milliseconds, once it is known that they cannot be renewed. */
  lastUntil(): number | undefined;
}

/** Early enough to end a wave and put everything back when it fails; AWS gives no less than 15 minutes. */
const renewBeforeMs = 10 * 60_000;
const againAfterMs = 30_000;

/** Credentials that are renewed before they end; while that fails the present ones serve as long as they last. */
export function renewing(
  clock: Clock,
  assume: () => Promise<Credentials>,
  say: (line: string) => void,
): JobCredentials {
  let held: Credentials | undefined;
  let failedAt: number | undefined;
  let asking: Promise<Credentials> | undefined;
  const endOf = (credentials: Credentials): number =>
    credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;

  const renew = async (): Promise<Credentials> => {
    try {
      held = await assume();
      failedAt = undefined;
      return held;
    } catch (error) {
      if (!held || endOf(held) <= clock.now()) throw error;
      if (failedAt === undefined)
        say(
          `The AWS credentials last until ${new Date(endOf(held)).toISOString().slice(11, 19)} UTC and cannot be renewed: ${messageOf(error)}`,
        );
      failedAt = clock.now();
      return held;
    }
  };

  return {
    async provider() {
      const now = clock.now();
      if (held && endOf(held) - now > renewBeforeMs) return held;
      if (held && endOf(held) > now && failedAt !== undefined && now - failedAt < againAfterMs) return held;
      // Many calls begin at once; one of them renews for all.
      asking ??= renew().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    lastUntil: () => (held && failedAt !== undefined ? endOf(held) : undefined),
  };
}
