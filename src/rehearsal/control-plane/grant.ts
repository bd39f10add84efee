import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { type Connection, readBody, send } from '../../kubernetes/connection.ts';
import { errorFrom } from '../../kubernetes/errors.ts';

/** Creates the roles and bindings of a file, the one that users apply. @throws KubernetesError when one is refused. */
export async function grant(connection: Connection, file: URL): Promise<void> {
  for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
    const body = document.toJS();
    const { kind, metadata } = body as { kind: string; metadata: { namespace?: string } };
    const scope = metadata.namespace ? `/namespaces/${metadata.namespace}` : '';
    const path = `/apis/rbac.authorization.k8s.io/v1${scope}/${kind.toLowerCase()}s`;
    const response = await send(connection, { method: 'POST', path, body });
    const text = await readBody(response);
    if (response.statusCode !== 201) throw errorFrom(`POST ${path}`, response, text);
  }
}
