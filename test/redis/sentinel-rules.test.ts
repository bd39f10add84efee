import { describe, expect, test } from '@jest/globals';
import { parseInfo, replicationOf, writesSinceStart } from '../../src/redis/info.ts';
import { mayFollow } from '../../src/redis/sentinel/demote.ts';
import { fenceMayGo } from '../../src/redis/sentinel/fence.ts';
import type { DataPod, Opinion, Snapshot } from '../../src/redis/sentinel/set.ts';

const replication = (info: Record<string, string | number>) =>
  replicationOf(Object.fromEntries(Object.entries(info).map(([key, value]) => [key, String(value)])));

describe('a second master', () => {
  const real = replication({ role: 'master', master_replid2: 'old', second_repl_offset: 101 });
  const stray = (info: Record<string, string | number>, writes: string[] = []) => ({
    replication: replication({ role: 'master', ...info }),
    minReplicasToWrite: 1,
    writes,
  });

  test('that was master until the other was promoted may follow when it took nothing since', () => {
    expect(mayFollow(stray({ master_replid: 'old', master_repl_offset: 100 }, ['set']), real)).toBe(true);
  });

  test('that went on taking writes may not, unless its fence refused them', () => {
    const late = { master_replid: 'old', master_repl_offset: 180 };
    expect(mayFollow(stray({ ...late, min_slaves_good_slaves: 1 }), real)).toMatch(/took writes after/);
    expect(mayFollow(stray(late), real)).toMatch(/took writes after/);
    expect(mayFollow(stray({ ...late, min_slaves_good_slaves: 0 }), real)).toBe(true);
  });

  test('of another history may follow only when nobody wrote to it', () => {
    expect(mayFollow(stray({ master_replid: 'new', master_repl_offset: 5 }), real)).toBe(true);
    expect(mayFollow(stray({ master_replid: 'new' }, ['set', 'zadd']), real)).toMatch(/set, zadd/);
  });
});

describe('the commands that may have changed keys', () => {
  test('leave out reads, and what only failed; a command nobody knows counts', () => {
    const info = parseInfo(
      [
        'cmdstat_get:calls=9,usec=1,failed_calls=0',
        'cmdstat_config|get:calls=3,usec=1,failed_calls=0',
        'cmdstat_set:calls=4,usec=1,failed_calls=4',
        'cmdstat_hset:calls=4,usec=1,failed_calls=3',
        'cmdstat_module.write:calls=1,usec=1,failed_calls=0',
      ].join('\r\n'),
    );
    expect(writesSinceStart(info)).toEqual(['hset', 'module.write']);
  });
});

describe('the fence of a master', () => {
  const pod = (ip: string) => ({
    metadata: { name: ip },
    spec: { containers: [] },
    status: { podIP: ip },
  });
  const member = (ip: string, role: string): DataPod => ({
    pod: pod(ip),
    replication: replication({ role }),
  });
  const opinion = (master: string, flags = 'master'): Opinion => ({
    sentinel: pod('s'),
    master,
    flags,
    epoch: '1',
    downAfterMs: 10_000,
    quorate: true,
    replicas: [],
    peers: [],
  });
  const [a, b] = [member('10.0.0.1', 'master'), member('10.0.0.2', 'slave')];
  const snapshot = (members: DataPod[], opinions: Opinion[]): Snapshot => ({
    data: members.map((m) => m.pod),
    members,
    sentinels: [],
    opinions,
  });

  test('may go when it is the only master and every Sentinel names it calmly', () => {
    expect(fenceMayGo(a, snapshot([a, b], [opinion('10.0.0.1'), opinion('10.0.0.1')]))).toBe(true);
    expect(fenceMayGo(b, snapshot([a, b], []))).toBe(true);
  });

  test('stays while one of them names another, is failing it over, or none can be asked', () => {
    for (const opinions of [
      [opinion('10.0.0.1'), opinion('10.0.0.2')],
      [opinion('10.0.0.1', 'master,failover_in_progress')],
      [],
    ])
      expect(fenceMayGo(a, snapshot([a, b], opinions))).toBe(false);
    const second = member('10.0.0.2', 'master');
    expect(fenceMayGo(a, snapshot([a, second], [opinion('10.0.0.1')]))).toBe(false);
  });
});
