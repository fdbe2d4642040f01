import manifest from "../../../package.json" with { type: "json" };
import { isLoopback } from "../../server/client-address.ts";
import { checkOf, type Finding, inSeconds, type Judgement, unless } from "./check.ts";
import type { Situation } from "./situation.ts";

/** What is known about a running server. */
export interface ServerFacts {
  readonly url: string;
  /** It was named, and so is expected to run. */
  readonly given: boolean;
  readonly health: NonNullable<Situation["health"]>;
  /** Version of this command line. */
  readonly version: string;
}

/** How long it may take to say that it lives, in milliseconds: it does nothing for that. */
const SLOW = 1_000;

/** Whether a server answers, lives and wants clients, and which version it is. */
export const SERVER_CHECK = checkOf({
  name: "server",
  gather({ server, health }): ServerFacts | string {
    if (typeof server === "string") return server;
    return { url: server.http, given: server.given, health: health!, version: manifest.version };
  },
  judge: judgeServer,
});

/** Judges what a server said of itself. */
export function judgeServer({ url, given, health, version }: ServerFacts): Judgement {
  if ("fault" in health)
    return {
      findings: [
        {
          mark: given ? "problem" : "warning",
          text: `No server answers at ${url} (${health.fault}).`,
          advice: given
            ? "Start it, or correct the address."
            : "Start it with `parley serve`; --url names another.",
        },
      ],
    };
  const { alive, ready, took } = health;
  const values = { answer_seconds: inSeconds(took) };
  if (alive.status !== 200 || !alive.body.includes('"status"'))
    return { findings: [stranger(url, alive.status)], values };
  const faults: Finding[] = [];
  if (ready !== 200)
    faults.push({
      mark: "problem",
      text: `The server at ${url} takes no new clients (/readyz answers ${ready}): it drains, or its store is away.`,
      advice: "Its log says which: store.unavailable, store.write_failed or server.stopping.",
    });
  const { origin, hostname } = new URL(url);
  if (health.refusesOwnPage)
    faults.push({
      mark: "problem",
      text: `The server takes its own page at ${origin} for one of another origin: nobody can sign in there.`,
      advice: `Have the proxy in front pass \`Host\` on and add \`X-Forwarded-Proto\`, or set ALLOWED_ORIGINS=${origin}.`,
    });
  if (health.demo !== undefined && health.demo.length > 0 && !isLoopback(hostname))
    faults.push({
      mark: "problem",
      text: `Everybody who reaches ${url} can sign in as ${health.demo.join(", ")} with the published password.`,
      advice: "Set DEMO_ACCOUNTS=false.",
    });
  if (health.version !== undefined && health.version !== version)
    faults.push({
      mark: "warning",
      text: `The server at ${url} is version ${health.version}, and this is ${version}.`,
      advice: "Restart it if it was to be updated.",
    });
  if (took > SLOW)
    faults.push({
      mark: "warning",
      text: `The server at ${url} took ${(took / 1000).toFixed(1)} s to say that it lives.`,
      advice: "Look how busy its core is; docs/OPERATIONS.md says how much one carries.",
    });
  const named = health.version === undefined ? "" : `, version ${health.version}`;
  return { findings: unless(faults, `The server at ${url} is ready${named}.`), values };
}

function stranger(url: string, status: number): Finding {
  return {
    mark: "problem",
    text: `What answers at ${url} is not Parley (/healthz: status ${status}).`,
    advice: "Stop what listens there, choose another PORT, or correct the address.",
  };
}
