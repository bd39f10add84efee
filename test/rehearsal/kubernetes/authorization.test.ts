import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Kubernetes } from '../../../src/cluster/ports.ts';
import { missingRights } from '../../../src/kubernetes/review.ts';
import { rolesToLook, rolesToRotate } from '../../../src/kubernetes/rights.ts';
import { askedBy, authorizer, shippedRoles } from '../../../src/rehearsal/kubernetes/authorization.ts';
import { createStore } from '../../../src/rehearsal/kubernetes/memory-store.ts';
import { Registry } from '../../../src/rehearsal/kubernetes/registry.ts';
import { routeOf } from '../../../src/rehearsal/kubernetes/route.ts';
import { type ApiServer, startApiServer } from '../../../src/rehearsal/kubernetes/server.ts';
import { wallClock } from '../../../src/rehearsal/world/clock.ts';
import { Random } from '../../../src/rehearsal/world/random.ts';
import { messageOf } from '../../../src/text.ts';
import { overHttps } from '../../contract/https.ts';

describe('the roles of the docs', () => {
  const may = authorizer(shippedRoles());
  const mayOnlyLook = authorizer(shippedRoles('rbac-plan.yaml'));

  test('give a Role its namespace, and a ClusterRole all of them', () => {
    may({ verb: 'create', target: 'configmaps', namespace: 'kube-system' });
    may({ verb: 'create', target: 'pods/eviction', namespace: 'shop' });
    expect(() => may({ verb: 'create', target: 'configmaps', namespace: 'shop' })).toThrow(
      'configmaps is forbidden: User "eks-rolling" cannot create resource "configmaps" in API group "" in the namespace "shop"',
    );
    expect(() => may({ verb: 'list', target: 'configmaps' })).toThrow('at the cluster scope');
  });

  test('give a subresource apart from its resource', () => {
    expect(() => may({ verb: 'create', target: 'deployments', namespace: 'shop' })).toThrow(
      'deployments.apps is',
    );
    expect(() => mayOnlyLook({ verb: 'create', target: 'pods/eviction', namespace: 'shop' })).toThrow(
      'cannot create resource "pods/eviction"',
    );
  });
});

describe('a request', () => {
  test.each([
    ['GET', '/api/v1/pods', false, 'list', 'pods', undefined],
    ['GET', '/api/v1/pods', true, 'watch', 'pods', undefined],
    ['GET', '/api/v1/nodes/n', false, 'get', 'nodes', undefined],
    ['POST', '/api/v1/namespaces/shop/pods/web/eviction', false, 'create', 'pods/eviction', 'shop'],
    ['PUT', '/api/v1/nodes/n', false, 'update', 'nodes', undefined],
    ['PATCH', '/apis/apps/v1/namespaces/shop/deployments/web', false, 'patch', 'deployments', 'shop'],
    ['DELETE', '/api/v1/namespaces/shop/pods/web', false, 'delete', 'pods', 'shop'],
  ])('%s %s (watch %s) asks to %s %s', (method, path, watch, verb, target, namespace) => {
    expect(askedBy(method, routeOf(path), watch)).toMatchObject({ verb, target, namespace });
  });
});

describe('the embedded API server', () => {
  const ended = new AbortController();
  let api: ApiServer;
  let suite: Kubernetes;
  let stranger: Kubernetes;
  beforeAll(async () => {
    const registry = new Registry(createStore({ clock: wallClock, random: new Random(1) }), wallClock);
    api = await startApiServer({
      registry,
      portForward: () => Promise.reject(new Error('There is no machine.')),
      authenticate: (token) => (token === 'suite' ? 'eks-rolling' : undefined),
      authorize: authorizer(shippedRoles('rbac-plan.yaml')),
    });
    const as = (token: string): Kubernetes =>
      overHttps(api.kubeconfig('c').replace(/token: .*/, `token: ${token}`), ended.signal).kubernetes;
    suite = as('suite');
    stranger = as('stranger');
  });
  afterAll(async () => {
    ended.abort();
    await api.close();
  });
  const failure = (work: Promise<unknown>): Promise<string> => work.then(() => 'nothing', messageOf);

  test('lets the suite do what its roles allow, and nothing else', async () => {
    expect((await suite.list('nodes')).items).toEqual([]);
    expect(
      await failure(
        suite.patch('deployments', { namespace: 'shop', name: 'web' }, { type: 'merge', body: {} }),
      ),
    ).toMatch(
      /cannot patch resource "deployments" in API group "apps" in the namespace "shop". Give the role of the workflow the rights of docs\/rbac.yaml/,
    );
    const answer = await suite.evict({ namespace: 'shop', name: 'web', uid: 'u' });
    expect(answer).toMatchObject({ kind: 'refused', status: 403 });
    expect(await failure(suite.portForward({ namespace: 'shop', name: 'web' }, 80))).toMatch(/403/);
  });

  test('tells beforehand what it would refuse', async () => {
    const inSystem = { namespace: 'kube-system' };
    for (const access of [
      { verb: 'list', resource: 'nodes' },
      { verb: 'list', resource: 'daemonsets', group: 'apps' },
      { verb: 'create', resource: 'configmaps', ...inSystem },
    ])
      expect([access, await suite.canI(access)]).toEqual([access, true]);
    for (const access of [
      { verb: 'update', resource: 'nodes' },
      { verb: 'create', resource: 'configmaps' },
      { verb: 'create', resource: 'pods', subresource: 'eviction' },
      { verb: 'create', resource: 'leases', group: 'coordination.k8s.io', ...inSystem },
    ])
      expect([access, await suite.canI(access)]).toEqual([access, false]);
    await expect(missingRights(suite, rolesToLook)).resolves.toEqual([]);
    const missing = await missingRights(suite, rolesToRotate);
    expect(missing).toContain(
      'it cannot create resource "pods/eviction" in API group "" at the cluster scope',
    );
    expect(missing.length).toBeGreaterThan(5);
  });

  test('does not know a stranger, and the error says how to be known', async () => {
    expect(await failure(stranger.list('nodes'))).toMatch(
      /Unauthorized. The cluster does not know the role of the workflow: .* docs\/rbac.yaml/,
    );
    expect(await failure(stranger.portForward({ namespace: 'shop', name: 'web' }, 80))).toMatch(/401/);
  });
});
