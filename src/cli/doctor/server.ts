import manifest from "../../../package.json" with { type: "json" };
import { isLoopback } from "../../server/client-address.ts";
import { type CheckResult, defineCheck, type Finding, findingsOr, toSeconds } from "./check.ts";
import type { DoctorFacts } from "./facts.ts";

/** What is known about a running server. */
export interface ServerFacts {
  readonly url: string;
  /** It was named, and so is expected to run. */
  readonly isNamed: boolean;
  readonly health: NonNullable<DoctorFacts["health"]>;
  /** Version of this command line. */
  readonly version: string;
}

/** How long it may take to say that it lives, in milliseconds: it does nothing for that. */
const SLOW_HEALTH_MS = 1_000;

/** Whether a server answers, lives and wants clients, and which version it is. */
export const SERVER_CHECK = defineCheck({
  name: "server",
  collect({ server, health }): ServerFacts | string {
    if (typeof server === "string") return server;
    return { url: server.http, isNamed: server.isNamed, health: health!, version: manifest.version };
  },
  evaluate: evaluateServer,
});

/** Judges what a server said of itself. */
export function evaluateServer({ url, isNamed: given, health, version }: ServerFacts): CheckResult {
  if ("error" in health)
    return {
      findings: [
        {
          mark: given ? "problem" : "warning",
          text: `No server answers at ${url} (${health.error}).`,
          advice: given
            ? "Start it, or correct the address."
            : "Start it with `parley serve`; --url names another.",
        },
      ],
    };
  const { alive, ready, tookMs: took } = health;
  const values = { answer_seconds: toSeconds(took) };
  if (alive.status !== 200 || !alive.body.includes('"status"'))
    return { findings: [notParley(url, alive.status)], values };
  const findings: Finding[] = [];
  if (ready !== 200)
    findings.push({
      mark: "problem",
      text: `The server at ${url} takes no new clients (/readyz answers ${ready}): it drains, or its store is away.`,
      advice: "Its log says which: store.unavailable, store.write_failed or server.stopping.",
    });
  const { origin, hostname } = new URL(url);
  if (health.refusesOwnPage)
    findings.push({
      mark: "problem",
      text: `The server takes its own page at ${origin} for one of another origin: nobody can sign in there.`,
      advice: `Have the proxy in front pass \`Host\` on and add \`X-Forwarded-Proto\`, or set ALLOWED_ORIGINS=${origin}.`,
    });
  if (health.demo !== undefined && health.demo.length > 0 && !isLoopback(hostname))
    findings.push({
      mark: "problem",
      text: `Everybody who reaches ${url} can sign in as ${health.demo.join(", ")} with the published password.`,
      advice: "Set DEMO_ACCOUNTS=false.",
    });
  if (health.version !== undefined && health.version !== version)
    findings.push({
      mark: "warning",
      text: `The server at ${url} is version ${health.version}, and this is ${version}.`,
      advice: "Restart it if it was to be updated.",
    });
  if (took > SLOW_HEALTH_MS)
    findings.push({
      mark: "warning",
      text: `The server at ${url} took ${(took / 1000).toFixed(1)} s to say that it lives.`,
      advice: "Look how busy its core is; docs/OPERATIONS.md says how much one carries.",
    });
  const named = health.version === undefined ? "" : `, version ${health.version}`;
  return { findings: findingsOr(findings, `The server at ${url} is ready${named}.`), values };
}

function notParley(url: string, status: number): Finding {
  return {
    mark: "problem",
    text: `What answers at ${url} is not Parley (/healthz: status ${status}).`,
    advice: "Stop what listens there, choose another PORT, or correct the address.",
  };
}
