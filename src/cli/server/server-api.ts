import type { Fault } from "../../core/faults.ts";
import type { InboxFrame } from "../../protocol/frames/inbox-frames.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import { CliError } from "../cli-error.ts";
import { type Credential, fetchServer, readJsonObject } from "./sign-in.ts";
import type { Target } from "./target.ts";

/** The limits of the user's plan, and the remaining quota. */
export interface PlanUsage {
  readonly plan: string;
  /** Null if the plan has no quota. */
  readonly quota: Quota | null;
  /** How many connections may be open at once; 0: no limit. */
  readonly connections: number;
}

/** Requests `GET /me`, which is free. Throws a `CliError` with the server's message if it is rejected. */
export async function fetchPlanUsage(target: Target, credential: Credential): Promise<PlanUsage> {
  const { plan, quota, connections_limit: connections } = await requestAs(target, credential, "/me");
  return { plan, quota, connections } as PlanUsage;
}

/** Requests a page of the user's inbox, `GET /inbox`. Throws a `CliError` with the server's message if it is rejected. */
export async function fetchInbox(
  target: Target,
  credential: Credential,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
): Promise<Omit<InboxFrame, "type">> {
  const query = new URLSearchParams({ limit: String(limit), ...(cursor !== undefined && { cursor }) });
  return (await requestAs(target, credential, `/inbox?${query}`)) as Omit<InboxFrame, "type">;
}

/** Requests a fault for the connection with the id `connection`. Throws a `CliError` with the reason if it is refused. */
export async function requestFault(
  target: Target,
  credential: Credential,
  connection: string,
  fault: Fault,
): Promise<void> {
  const body = JSON.stringify({ connection, fault });
  const { faults } = await readJsonObject(await fetchServer(target, "/config.json"));
  if (faults !== true)
    throw new CliError("This server does not inject faults: start it with TEST_FAULTS=true.");
  await requestAs(target, credential, "/test/faults", { method: "POST", body });
}

/** Requests `path` as the user. Throws a `CliError` with the server's message if it is rejected. */
export async function requestAs(
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
  throw new CliError(`The request ${path} was rejected: ${detail}`);
}
