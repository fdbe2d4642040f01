import type { TestClient } from "../../client/test-client.ts";
import type { Workbench } from "../../shell/workbench.ts";

/** A fault in the format of `POST /test/faults`; docs/TESTING.md documents all. */
export interface ServerFault {
  readonly do: string;
  readonly [field: string]: string | number | undefined;
}

/** The result of a request: further fields of the response, or the problem. */
export type FaultReply =
  | { readonly body: Readonly<Record<string, unknown>>; readonly problem?: undefined }
  | { readonly problem: string; readonly body?: undefined };

/** Requests a fault for the current connection of `client`; the timeline shows the request, and a rejection after it. */
export async function requestFault(
  workbench: Workbench,
  client: TestClient,
  fault: ServerFault,
): Promise<FaultReply> {
  const { connection } = client.currentStats();
  if (connection === undefined) return { problem: "The connection is not open." };
  // The fault may take effect before the response arrives, so it is logged first.
  workbench.recordFault(client, fault.do, JSON.stringify(fault));
  const answer = await postWithToken(client, "/test/faults", { connection, fault });
  if (answer.problem !== undefined) workbench.recordRefusedFault(client, answer.problem);
  return answer;
}

/** Sends JSON with the client's token. */
export async function postWithToken(client: TestClient, path: string, content: object): Promise<FaultReply> {
  return requestWithToken(client, path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });
}

/** Sends a request with the client's token. */
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
