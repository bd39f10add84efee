import type { Clock } from '../clock.ts';
import type { Aws, Balancers, Group, Instance } from './ports.ts';

/** An answer of AWS serves again for this long; AWS throttles whoever asks all the time. */
const serveAgainMs = 15_000;
/** And this long when something has happened in the cluster since that AWS may know more of, such as a node that joined. */
const serveAnywayMs = 3000;

/**
 * AWS, asked once for what several steps of the same moment want to know. What this process changes is seen at once. What never
 * changes, such as the image of an instance that runs, is asked for once.
 */
export function remembering(aws: Aws, clock: Clock): Aws {
  const groups = new Map<string, { answer: Promise<Group[]>; at: number; asOf: string }>();
  const others = new Map<string, { answer: Promise<unknown>; at: number }>();
  const running = new Map<string, Instance>();
  const starting = new Map<string, { instance: Instance; at: number }>();
  const forget = () => {
    groups.clear();
    others.clear();
  };
  /** One that failed is not an answer. */
  const kept = <T>(answer: Promise<T>, drop: () => void): Promise<T> => {
    answer.catch(drop);
    return answer;
  };
  const again = <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const known = others.get(key);
    if (known && clock.now() - known.at < serveAnywayMs) return known.answer as Promise<T>;
    const answer = kept(ask(), () => others.delete(key));
    others.set(key, { answer, at: clock.now() });
    return answer;
  };
  const remembered: Partial<Aws> = {
    groups(select, options = {}) {
      const { fresh = false, asOf = '' } = options;
      const key = JSON.stringify(select);
      const known = groups.get(key);
      const old = known && clock.now() - known.at >= (known.asOf === asOf ? serveAgainMs : serveAnywayMs);
      if (known && !old && !fresh) return known.answer;
      const answer = kept(aws.groups(select, options), () => groups.delete(key));
      groups.set(key, { answer, at: clock.now(), asOf });
      return answer;
    },
    async instances(ids) {
      const asked = clock.now();
      const justAsked = (id: string) =>
        asked - (starting.get(id)?.at ?? Number.NEGATIVE_INFINITY) < serveAnywayMs;
      const unknown = ids.filter((id) => !running.has(id) && !justAsked(id));
      for (const instance of await aws.instances(unknown)) {
        if (instance.state === 'running') running.set(instance.id, instance);
        else starting.set(instance.id, { instance, at: asked });
      }
      return ids.flatMap((id) => running.get(id) ?? starting.get(id)?.instance ?? []);
    },
    activities: (group, since) => again(`activities ${group} ${since}`, () => aws.activities(group, since)),
    balancersAt: (dnsNames) => again(`balancers ${dnsNames}`, () => aws.balancersAt(dnsNames)),
    targetHealth: (balancers) => again(`health ${keyOf(balancers)}`, () => aws.targetHealth(balancers)),
    refreshInProgress: (group) => aws.refreshInProgress(group),
  };
  // Whatever else there is may change what was remembered.
  const changing = Object.entries(aws)
    .filter(([name]) => !(name in remembered))
    .map(([name, change]) => [
      name,
      async (...args: unknown[]) => {
        try {
          return await (change as (...args: unknown[]) => Promise<unknown>)(...args);
        } finally {
          forget();
        }
      },
    ]);
  return { ...Object.fromEntries(changing), ...remembered } as Aws;
}

const keyOf = ({ targetGroups, classicLoadBalancers }: Balancers): string =>
  [...targetGroups, ...classicLoadBalancers].join();
