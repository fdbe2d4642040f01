import type { Fault } from "../core/faults.ts";
import type { Quota } from "../protocol/server-frames.ts";
import { Failure } from "./failure.ts";
import { type Credential, reach, readObject } from "./sign-in.ts";
import type { Target } from "./target.ts";

/** What the user's plan allows, and what is left of it. */
export interface Allowance {
  readonly plan: string;
  /** Null where nothing is counted. */
  readonly quota: Quota | null;
  /** How many connections may be open at once; 0 is without limit. */
  readonly connections: number;
}

/** Asks `GET /me`, which is free. Throws a Failure with the server's words where it refuses. */
export async function askAllowance(target: Target, credential: Credential): Promise<Allowance> {
  const { plan, quota, connections_limit: connections } = await ask(target, credential, "/me");
  return { plan, quota, connections } as Allowance;
}

/** Has the server disturb the connection called `connection`. Throws a Failure with the reason where it does not. */
export async function askFault(
  target: Target,
  credential: Credential,
  connection: string,
  fault: Fault,
): Promise<void> {
  const body = JSON.stringify({ connection, fault });
  const { faults } = await readObject(await reach(target, "/config.json"));
  if (faults !== true)
    throw new Failure("This server makes no faults: it would have to be started with TEST_FAULTS=true.");
  await ask(target, credential, "/test/faults", { method: "POST", body });
}

async function ask(
  target: Target,
  credential: Credential,
  path: string,
  init: RequestInit = {},
): Promise<Record<string, unknown>> {
  const headers = { Authorization: `Bearer ${await credential.token()}`, "Content-Type": "application/json" };
  const answer = await reach(target, path, { ...init, headers });
  const body = await readObject(answer);
  if (answer.ok) return body;
  const said = typeof body.detail === "string" ? body.detail : `status ${answer.status}`;
  throw new Failure(`${path} was refused: ${said}`);
}
