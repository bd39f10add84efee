import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';

interface AuditEvent {
  verb: string;
  objectRef?: { apiGroup?: string; resource?: string; subresource?: string };
}

/** What the API server writes down of the suite: which rights it used. */
export const auditPolicy = (group: string): object => ({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', userGroups: [group] }, { level: 'None' }],
});

/** Rights as `verb group/resource`, for example `create /pods/eviction`, that an audit log shows in use. */
export function usedRights(log: string): Set<string> {
  const events = log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AuditEvent);
  return new Set(
    events.flatMap(({ verb, objectRef: { apiGroup = '', resource, subresource } = {} }) => {
      if (!resource) return [];
      const what = `${apiGroup}/${[resource, subresource].filter(Boolean).join('/')}`;
      // From 1.35 on a WebSocket to it needs create too, and the log shows only the GET that opens it.
      return subresource === 'portforward' ? [`${verb} ${what}`, `create ${what}`] : [`${verb} ${what}`];
    }),
  );
}

/** The rights that the roles of a file give. */
export function grantedRights(file: URL): Set<string> {
  const roles = parseAllDocuments(readFileSync(file, 'utf8')).map(
    (d) => d.toJS() as { rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[] },
  );
  return new Set(
    roles
      .flatMap((role) => role.rules ?? [])
      .flatMap(({ apiGroups, resources, verbs }) =>
        verbs.flatMap((verb) => apiGroups.flatMap((g) => resources.map((r) => `${verb} ${g}/${r}`))),
      ),
  );
}
