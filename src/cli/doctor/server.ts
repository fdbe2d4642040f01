import manifest from "../../../package.json" with { type: "json" };
import { isLoopback } from "../../server/client-address.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr, toSeconds } from "./check.ts";
import type { DoctorFacts } from "./facts.ts";

/** The facts about a running server. */
export interface ServerFacts {
  readonly url: string;
  /** Whether it was named, and is expected to run. */
  readonly isNamed: boolean;
  readonly health: NonNullable<DoctorFacts["health"]>;
  /** Where the store says that servers run, in words; undefined where it says so of none. */
  readonly runsOn?: string | undefined;
  /** Version of this command line. */
  readonly version: string;
}

/** Response time of /healthz that is a warning, in milliseconds: the route does no work. */
const SLOW_HEALTH_MS = 1_000;

/** Checks whether a server responds, is ready for clients, and has this version. */
export const SERVER_CHECK = defineCheck({
  name: "server",
  collect({ server, health, settings, data }): ServerFacts | string {
    if (typeof server === "string") return server;
    const { http: url, isNamed } = server;
    return { url, isNamed, health: health!, version: manifest.version, runsOn: runsOn(settings, data) };
  },
  evaluate: evaluateServer,
});

/** Evaluates the facts about a server. */
export function evaluateServer({ url, isNamed, health, version, runsOn }: ServerFacts): CheckResult {
  if ("error" in health && !isNamed && runsOn !== undefined)
    return {
      findings: [
        {
          mark: "warning",
          text: `${runsOn}, but none responds at ${url} (${health.error}).`,
          advice: "If it listens elsewhere (was it started with --port or --host?), name it with --url.",
        },
      ],
    };
  if ("error" in health)
    return {
      findings: [
        {
          mark: isNamed ? "problem" : "warning",
          text: `No server responds at ${url} (${health.error}).`,
          advice: isNamed
            ? "Start the server, or correct the URL."
            : "Start it with `parley serve`, or name another server with --url.",
        },
      ],
    };
  const { alive, ready, tookMs } = health;
  const values = { answer_seconds: toSeconds(tookMs) };
  if (alive.status !== 200 || !alive.body.includes('"status"'))
    return { findings: [notParley(url, alive.status)], values };
  const findings: Finding[] = [];
  if (ready !== 200)
    findings.push({
      mark: "problem",
      text: `The server at ${url} accepts no new clients (/readyz returns ${ready}): it is shutting down, or its store is unavailable.`,
      advice: "Look for store.unavailable, store.write_failed or server.stopping in its log.",
    });
  const { origin, hostname } = new URL(url);
  if (health.refusesOwnPage)
    findings.push({
      mark: "problem",
      text: `The server treats its own page at ${origin} as another origin: no user can sign in there.`,
      advice: `Make the proxy forward \`Host\` and add \`X-Forwarded-Proto\`, or set ALLOWED_ORIGINS=${origin}.`,
    });
  if (health.demo !== undefined && health.demo.length > 0 && !isLoopback(hostname))
    findings.push({
      mark: "problem",
      text: `Anyone who can reach ${url} can sign in as ${health.demo.join(", ")} with the published password.`,
      advice: "Set DEMO_ACCOUNTS=false.",
    });
  if (health.version !== undefined && health.version !== version)
    findings.push({
      mark: "warning",
      text: `The server at ${url} has version ${health.version}, but this command has version ${version}.`,
      advice: "Restart the server if it was updated.",
    });
  if (tookMs > SLOW_HEALTH_MS)
    findings.push({
      mark: "warning",
      text: `The server at ${url} took ${(tookMs / 1000).toFixed(1)} s to respond to /healthz.`,
      advice: "Check the load of its core; docs/OPERATIONS.md describes how much one core can handle.",
    });
  const named = health.version === undefined ? "" : `, version ${health.version}`;
  return { findings: findingsOr(findings, `The server at ${url} is ready${named}.`), values };
}

function runsOn(settings: DoctorFacts["settings"], data: DoctorFacts["data"]): string | undefined {
  if (data.kind === "redis" && !("error" in data.redis)) {
    const { nodes, now } = data.redis;
    const alive = nodes.filter(({ until }) => until > now).map(({ id }) => id);
    return alive.length === 0 ? undefined : `The store in Redis is used by ${alive.join(", ")}`;
  }
  if (data.kind !== "embedded" || data.store === undefined || "error" in data.store) return undefined;
  // The mark stays when a server is killed. To try the lock could refuse a server that starts just now.
  return data.store.unclosed === "this start"
    ? `A server runs on ${settings!.dataDir}, or was killed there`
    : undefined;
}

function notParley(url: string, status: number): Finding {
  return {
    mark: "problem",
    text: `The program at ${url} is not Parley (/healthz: status ${status}).`,
    advice: "Stop that program, choose another PORT, or correct the URL.",
  };
}
