// Faults with several steps: using up a quota, and a client that does not read.

import { newId } from "../../../client/new-id.ts";
import type { TestClient } from "../../client/test-client.ts";
import type { Workbench } from "../../shell/workbench.ts";
import { monotonicNow } from "../../wire/websocket-tap.ts";
import { postWithToken, requestFault, requestWithToken } from "./request-fault.ts";

/** Most requests that the page itself makes to use up a quota; for more it needs the server's fault. */
const MAX_FILL_REQUESTS = 1_000;

/** Requests at once; a browser opens few connections to one server. */
const PARALLEL_REQUESTS = 5;

/** Number of long messages that exceed what the server buffers for one client (MAX_UNSENT_BYTES, 1 MiB). */
export const LONG_MESSAGES = 18;

/** Padding of each message, in bytes; the message still fits into a frame. */
const LONG_MESSAGE_BYTES = 62_000;

/** How long the client does not read, at most, in seconds, if an error occurs meanwhile. */
const READER_TIMEOUT_S = 60;

interface Quota {
  readonly limit: number;
  readonly remaining: number;
  readonly reset: number;
}

/** Uses up the user's remaining requests. Returns a problem, if any. */
export async function fillQuota(workbench: Workbench, client: TestClient): Promise<string | undefined> {
  const filled = workbench.facts.value.faults
    ? await requestFault(workbench, client, { do: "fill_quota" })
    : await spendQuota(client);
  if (filled.problem !== undefined) return filled.problem;
  client.dispatch({ type: "quota", quota: filled.body.quota as Quota, at: monotonicNow() });
  return undefined;
}

/** Reads history over HTTP, where no burst limit applies. */
async function spendQuota(client: TestClient) {
  const { conversation } = client.current();
  const me = await requestWithToken(client, "/me");
  if (me.problem !== undefined) return me;
  const quota = me.body.quota as Quota | null;
  if (quota === null) return { problem: "This plan has no limit." };
  let { remaining } = quota;
  if (remaining > MAX_FILL_REQUESTS)
    return { problem: `${remaining} requests are left: too many for the page alone.` };
  while (remaining > 0) {
    const requests = Array.from({ length: Math.min(remaining, PARALLEL_REQUESTS) }, () =>
      requestWithToken(client, `/conversations/${conversation}/messages?limit=1`),
    );
    for (const { problem } of await Promise.all(requests)) if (problem !== undefined) return { problem };
    remaining -= requests.length;
  }
  return requestWithToken(client, "/me");
}

/** Freezes the connection while long messages arrive. Returns a problem, if any. */
export async function stopReading(workbench: Workbench, client: TestClient): Promise<string | undefined> {
  const { conversation, usage } = client.current();
  if (usage && usage.remaining < LONG_MESSAGES)
    return `This takes ${LONG_MESSAGES} requests, and ${usage.remaining} are left.`;
  const frozen = await requestFault(workbench, client, { do: "freeze", seconds: READER_TIMEOUT_S });
  if (frozen.problem !== undefined) return frozen.problem;
  let problem: string | undefined;
  for (let n = 1; n <= LONG_MESSAGES && problem === undefined; n++) {
    const text = `Long message ${n} of ${LONG_MESSAGES}, for a reader that does not read`;
    const message = { id: newId(), text, data: { padding: "x".repeat(LONG_MESSAGE_BYTES) } };
    ({ problem } = await postWithToken(client, `/conversations/${conversation}/messages`, message));
  }
  return (await requestFault(workbench, client, { do: "thaw" })).problem ?? problem;
}
