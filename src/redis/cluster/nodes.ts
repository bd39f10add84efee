/** One line of CLUSTER NODES (https://redis.io/docs/latest/commands/cluster-nodes/). */
export interface ClusterNode {
  id: string;
  ip: string;
  flags: string[];
  role: 'master' | 'slave';
  /** Id of its master; empty for a master. */
  master: string;
  epoch: number;
  linkUp: boolean;
  slots: string[];
}

export function parseClusterNodes(text: unknown): ClusterNode[] {
  return String(text).split('\n').filter(Boolean).map(parseLine);
}

function parseLine(line: string): ClusterNode {
  const [id = '', address = '', flags = '', master = '-', , , epoch = '0', link = '', ...slots] = line
    .trim()
    .split(' ');
  const all = flags.split(',').filter((f) => f !== 'myself');
  return {
    id,
    ip: address.slice(0, Math.max(0, address.split('@')[0]?.lastIndexOf(':') ?? 0)),
    flags: all,
    role: all.includes('slave') ? 'slave' : 'master',
    master: master === '-' ? '' : master,
    epoch: Number(epoch),
    linkUp: link === 'connected',
    slots,
  };
}

const bad = ['fail', 'fail?', 'handshake', 'noaddr'];

/** Why the views of the nodes do not agree or are not healthy; none means that every node tells the same good story. */
export function disagreements(
  views: readonly { of: string; nodes: readonly ClusterNode[] }[],
  expected: number,
): string[] {
  const found: string[] = [];
  for (const { of, nodes } of views) {
    if (nodes.length !== expected) found.push(`${of} knows ${nodes.length} of ${expected} nodes`);
    for (const node of nodes) {
      const flag = node.flags.find((f) => bad.includes(f));
      if (flag) found.push(`${of} sees ${node.ip || node.id.slice(0, 8)} as ${flag}`);
      if (node.slots.some((s) => s.startsWith('['))) found.push(`${of} sees slots of ${node.ip} being moved`);
    }
  }
  const story = (nodes: readonly ClusterNode[]): string =>
    nodes
      .map((n) => `${n.id} ${n.ip} ${n.role} ${n.master} ${n.slots.join(',')}`)
      .sort()
      .join('\n');
  const stories = new Map(views.map((v) => [story(v.nodes), v.of]));
  if (stories.size > 1) found.push(`${[...stories.values()].slice(0, 3).join(', ')} tell different stories`);
  return found;
}

/** Whether masters serve all slots between them. */
export function servesAllSlots(nodes: readonly ClusterNode[]): boolean {
  const count = (range: string): number => {
    const [first, last] = range.split('-').map(Number);
    return (last ?? first ?? 0) - (first ?? 0) + 1;
  };
  const total = nodes
    .filter((n) => n.role === 'master')
    .flatMap((n) => n.slots.filter((s) => !s.startsWith('[')))
    .reduce((sum, s) => sum + count(s), 0);
  return total === 16384;
}
