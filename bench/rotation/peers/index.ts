import { eksRollingUpdate } from './eks-rolling-update.ts';
import { kops } from './kops.ts';
import { managedNodeGroup } from './managed-node-group.ts';
import { twin } from './twin.ts';
import { upgradeManager } from './upgrade-manager.ts';
import type { Peer } from './world.ts';

export const peers: readonly Peer[] = [kops, upgradeManager, managedNodeGroup, twin, eksRollingUpdate];
