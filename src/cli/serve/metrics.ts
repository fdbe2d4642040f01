import manifest from "../../../package.json" with { type: "json" };
import type { EventBus } from "../../core/events/event-bus.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { MetricsListener } from "../../server/metrics/metrics-listener.ts";
import { ServerMetrics } from "../../server/metrics/server-metrics.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { storeKindOf } from "../../server/settings/store-kind.ts";
import { CliError } from "../cli-error.ts";

/** Makes the metrics of a server, which listen to its events; undefined where METRICS_ADDRESS is not set. */
export function createMetrics(
  settings: Settings,
  { clock, events }: { readonly clock: Clock; readonly events: EventBus },
): ServerMetrics | undefined {
  if (settings.metricsAddress === undefined) return undefined;
  const metrics = new ServerMetrics({
    clock,
    version: manifest.version,
    engine: storeKindOf(settings),
    plans: settings.plans.plans.keys(),
  });
  events.subscribe(metrics.listener);
  return metrics;
}

/** Begins to serve the metrics at METRICS_ADDRESS. Throws CliError where it cannot be listened on. */
export function startMetrics(
  { metricsAddress: address, metricsKey }: Settings,
  metrics: ServerMetrics | undefined,
): MetricsListener | undefined {
  if (address === undefined || metrics === undefined) return undefined;
  try {
    return new MetricsListener(address, metricsKey, metrics);
  } catch (error) {
    throw new CliError(
      `METRICS_ADDRESS=${address.hostname}:${address.port} cannot be listened on (${(error as Error).message}). Choose another port.`,
    );
  }
}
