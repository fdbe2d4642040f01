import type { TestClient } from "../../client/test-client.ts";
import type { Workbench } from "../../shell/workbench.ts";

/** A fault as `POST /test/faults` takes it; docs/TESTING.md has all of them. */
export interface ServerFault {
  readonly do: string;
  readonly [field: string]: string | number | undefined;
}

/** What the server made of it: what else its answer holds, or what was wrong. */
export type FaultReply =
  | { readonly body: Readonly<Record<string, unknown>>; readonly problem?: undefined }
  | { readonly problem: string; readonly body?: undefined };

/** Asks the server for a fault on the line that `client` has now; the timeline has it from then on, and a refusal after it. */
export async function requestFault(
  workbench: Workbench,
  client: TestClient,
  fault: ServerFault,
): Promise<FaultReply> {
  const { connection } = client.currentStats();
  if (connection === undefined) return { problem: "The line is not open." };
  // It may be felt before it is answered: it stands before what comes of it.
  workbench.recordFault(client, fault.do, JSON.stringify(fault));
  const answer = await postWithToken(client, "/test/faults", { connection, fault });
  if (answer.problem !== undefined) workbench.recordRefusedFault(client, answer.problem);
  return answer;
}

/** Posts JSON with the client's token. */
export async function postWithToken(client: TestClient, path: string, content: object): Promise<FaultReply> {
  return requestWithToken(client, path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
}

/** Asks with the client's token. */
export async function requestWithToken(
  client: TestClient,
  path: string,
  init: RequestInit = {},
): Promise<FaultReply> {
  try {
    const response = await client.request(path, init);
    const body = (await response.json()) as Record<string, unknown>;
    return response.ok ? { body } : { problem: `${body.code}: ${body.detail}` };
  } catch (error) {
    return { problem: `The server did not answer: ${(error as Error).message}` };
  }
}
