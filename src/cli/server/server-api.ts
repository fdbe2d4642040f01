import type { Fault } from "../../core/faults.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import { CliError } from "../cli-error.ts";
import { type Credential, fetchServer, readJsonObject } from "./sign-in.ts";
import type { Target } from "./target.ts";

/** What the user's plan allows, and what is left of it. */
export interface PlanUsage {
  readonly plan: string;
  /** Null where nothing is counted. */
  readonly quota: Quota | null;
  /** How many connections may be open at once; 0 is without limit. */
  readonly connections: number;
}

/** Asks `GET /me`, which is free. Throws a `CliError` with the server's words where it refuses. */
export async function fetchPlanUsage(target: Target, credential: Credential): Promise<PlanUsage> {
  const { plan, quota, connections_limit: connections } = await requestAs(target, credential, "/me");
  return { plan, quota, connections } as PlanUsage;
}

/** Has the server disturb the connection called `connection`. Throws a `CliError` with the reason where it does not. */
export async function requestFault(
  target: Target,
  credential: Credential,
  connection: string,
  fault: Fault,
): Promise<void> {
  const body = JSON.stringify({ connection, fault });
  const { faults } = await readJsonObject(await fetchServer(target, "/config.json"));
  if (faults !== true)
    throw new CliError("This server makes no faults: it would have to be started with TEST_FAULTS=true.");
  await requestAs(target, credential, "/test/faults", { method: "POST", body });
}

async function requestAs(
  target: Target,
  credential: Credential,
  path: string,
  init: RequestInit = {},
): Promise<Record<string, unknown>> {
  const headers = { Authorization: `Bearer ${await credential.token()}`, "Content-Type": "application/json" };
  const response = await fetchServer(target, path, { ...init, headers });
  const body = await readJsonObject(response);
  if (response.ok) return body;
  const detail = typeof body.detail === "string" ? body.detail : `status ${response.status}`;
  throw new CliError(`${path} was refused: ${detail}`);
}
