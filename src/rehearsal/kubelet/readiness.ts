import type { Container } from '../../cluster/objects.ts';

export interface ReadinessTarget {
  port: number;
  /** Of an HTTP probe; a TCP probe has none. */
  path?: string;
  initialDelayMs: number;
  periodMs: number;
  successThreshold: number;
  failureThreshold: number;
}

/**
 * Where and how often a container's readiness is probed, with the API's defaults; undefined when it is ready as soon as it
 * runs. Commands are not run: an exec probe becomes a TCP probe of the first port.
 * https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
 */
export function readinessTarget(container: Container): ReadinessTarget | undefined {
  const probe = container.readinessProbe;
  const wanted = probe?.httpGet?.port ?? probe?.tcpSocket?.port ?? container.ports?.[0]?.containerPort;
  if (!probe || wanted === undefined) return undefined;
  const named = container.ports?.find((p) => p.name === wanted)?.containerPort;
  const port = named ?? Number(wanted);
  if (!Number.isInteger(port))
    throw new Error(
      `Container ${container.name} probes port "${wanted}", but none of its ports has that name. Name one so.`,
    );
  return {
    port,
    ...(probe.httpGet ? { path: probe.httpGet.path ?? '/' } : {}),
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    periodMs: (probe.periodSeconds ?? 10) * 1000,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  };
}
