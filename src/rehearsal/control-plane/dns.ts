import { isIPv4 } from 'node:net';
import type { Question, SrvAnswer, StringAnswer } from 'dns-packet';
import type { EndpointSlice, Service } from '../../cluster/objects.ts';

export const clusterDomain = 'cluster.local';
/** Seconds that an answer may be remembered, as CoreDNS has it for names of the cluster. */
const ttl = 5;

/** What names are made of. */
export interface Named {
  services: readonly Service[];
  endpointSlices: readonly EndpointSlice[];
}

export type DnsRecord = StringAnswer | SrvAnswer;

export interface DnsAnswer {
  /** False is NXDOMAIN: nothing has this name, and no name ends in it. */
  exists: boolean;
  answers: DnsRecord[];
  /** The addresses of what SRV records point at. */
  additionals: DnsRecord[];
}

/**
 * What the cluster's DNS says of one name: https://github.com/kubernetes/dns/blob/master/docs/specification.md.
 * Only names of Services and their endpoints are known, by A and SRV records; there is nobody to ask for others.
 */
export function dnsAnswer(question: Question, named: Named): DnsAnswer {
  const records = recordsOf(named);
  const name = question.name.toLowerCase();
  const same = records.filter((record) => record.name === name);
  const wanted = same.filter((record) => record.type === question.type);
  const targets = new Set(wanted.flatMap((record) => (record.type === 'SRV' ? [record.data.target] : [])));
  return {
    exists: same.length > 0 || records.some((record) => record.name.endsWith(`.${name}`)),
    // The name comes back as it was asked for, in whichever case.
    answers: wanted.map((record) => ({ ...record, name: question.name })),
    additionals: records.filter((record) => record.type === 'A' && targets.has(record.name)),
  };
}

function recordsOf({ services, endpointSlices }: Named): DnsRecord[] {
  return services.flatMap((service) => {
    const { namespace, name } = service.metadata;
    const { clusterIP = '', ports = [] } = service.spec;
    const domain = `${name}.${namespace}.svc.${clusterDomain}`;
    if (isIPv4(clusterIP))
      return [address(domain, clusterIP), ...ports.flatMap((port) => portOf(domain, port, domain))];
    if (clusterIP !== 'None') return [];
    const slices = endpointSlices.filter(
      ({ metadata, addressType }) =>
        addressType === 'IPv4' &&
        metadata.namespace === namespace &&
        metadata.labels?.['kubernetes.io/service-name'] === name,
    );
    return distinct(slices.flatMap((slice) => endpointsOf(service, domain, slice)));
  });
}

/** Go writes empty lists as null. A condition that is not there counts as ready. */
function endpointsOf(service: Service, domain: string, slice: EndpointSlice): DnsRecord[] {
  return (slice.endpoints ?? [])
    .filter((e) => service.spec.publishNotReadyAddresses || e.conditions?.ready !== false)
    .flatMap(({ addresses, hostname }) =>
      addresses.flatMap((ip) => {
        // An endpoint without a hostname has a name all the same; CoreDNS makes it of the address.
        const host = `${hostname ?? ip.replaceAll('.', '-')}.${domain}`;
        const ports = (slice.ports ?? []).flatMap((port) => portOf(domain, port, host));
        return [address(domain, ip), address(host, ip), ...ports];
      }),
    );
}

const address = (name: string, data: string): DnsRecord => ({ type: 'A', name, ttl, data });

/** Only named ports have an SRV record. */
function portOf(
  domain: string,
  { name, port, protocol = 'TCP' }: { name?: string; port?: number; protocol?: string },
  target: string,
): DnsRecord[] {
  if (!name || port === undefined) return [];
  const data = { priority: 0, weight: 100, port, target };
  return [{ type: 'SRV', name: `_${name}._${protocol.toLowerCase()}.${domain}`, ttl, data }];
}

/** An endpoint may be in two slices for a while: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#duplicate-endpoints */
const distinct = (records: DnsRecord[]): DnsRecord[] => [
  ...new Map(records.map((record) => [JSON.stringify(record), record])).values(),
];
