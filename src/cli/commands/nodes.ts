import { Command } from "commander";
import type { NodeEntry } from "../../core/nodes.ts";
import { UsageError } from "../cli-error.ts";
import { addStoreFlags, loadStoreSettings } from "../setting-flags.ts";
import { storeProvider } from "../store/providers.ts";
import { print, printJson } from "../terminal/print.ts";
import { formatTable } from "../terminal/table.ts";

/** `parley nodes`: lists the servers that share a Redis. */
export function nodesCommand(): Command {
  return addStoreFlags(new Command("nodes").description("list the nodes that share a Redis"))
    .option("--json", "print JSON, for scripts")
    .action(async (flags: { json?: boolean }) => {
      const found = await storeProvider(loadStoreSettings(flags)).readNodes();
      if (found === undefined)
        throw new UsageError(
          "Only servers with Redis are nodes: set REDIS_HOST or REDIS_URL. The embedded store has a single server.",
        );
      const { nodes, now } = found;
      if (flags.json)
        printJson(
          nodes.map((node) => jsonFields(node, now)),
          2,
        );
      else print(formatNodes(nodes, now));
    });
}

function formatNodes(nodes: readonly NodeEntry[], now: number): string {
  if (nodes.length === 0) return "No node is running.";
  return formatTable([HEAD, ...nodes.map((node) => formatRow(node, now))]);
}

const HEAD = ["node", "address", "connections", "version", "lag", "since", "lease"];

function formatRow(node: NodeEntry, now: number): string[] {
  const { id, url, connections, version, lag, startedAt } = node;
  const left = node.until - now;
  return [
    id,
    url === "" ? "not listening yet" : url,
    `${connections}`,
    version || "–",
    `${lag} ms`,
    new Date(startedAt).toISOString(),
    left > 0 ? `${(left / 1000).toFixed(1)} s` : "expired",
  ];
}

function jsonFields(node: NodeEntry, now: number): object {
  const { id, url, connections, version, lag, startedAt } = node;
  return {
    node: id,
    url,
    connections,
    version,
    lag_ms: lag,
    since: new Date(startedAt).toISOString(),
    lease_left_ms: Math.max(0, node.until - now),
  };
}
