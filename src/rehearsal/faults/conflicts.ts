import type { Fault } from './fault.ts';

const share = 0.7;

/** Controllers that label and annotate whatever they see: most of the time somebody has just written the same object. */
export const conflicts: Fault = {
  name: 'conflicts',
  what: 'seven of ten updates of nodes and ConfigMaps meet a 409, because somebody else was faster',
  kubernetes({ method, path }, random) {
    const [, resource, name] = /\/(nodes|configmaps)\/([^/]+)$/.exec(path) ?? [];
    if (method !== 'PUT' || !resource || random.next() >= share) return undefined;
    return {
      status: 409,
      reason: 'Conflict',
      message: `Operation cannot be fulfilled on ${resource} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
    };
  },
  explained: { byWords: [], conclusion: 'success' },
};
