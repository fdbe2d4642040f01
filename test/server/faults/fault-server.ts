import type { Fault } from "../../../src/core/faults.ts";
import type { TestClient } from "../../support/clients/test-client.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** A server with faults enabled, with a clock that only a test advances. */
export async function startFaultServer(env: Record<string, string> = {}) {
  const clock = new ManualClock();
  const server = await startTestServer({ clock, env: { TEST_FAULTS: "true", ...env } });
  return { server, clock, [Symbol.asyncDispose]: () => server.stop() };
}

/** The name of a client's connection, from its welcome. */
export function nameOf(client: TestClient): string {
  return client.of("welcome")[0]!.connection;
}

/** Asks for a fault as `user`, on any connection. */
export async function ask(
  server: TestServer,
  user: string,
  connection: string,
  fault: Fault | object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(`${server.url}/test/faults`, {
    method: "POST",
    headers: { Authorization: `Bearer ${await server.token(user)}` },
    body: JSON.stringify({ connection, fault }),
  });
  return { status: answer.status, body: await answer.json() };
}

/** Asks for a fault on a client's own connection, and waits until it is made. */
export async function disturb(
  server: TestServer,
  client: TestClient,
  fault: Fault,
): Promise<Record<string, unknown>> {
  const { status, body } = await ask(server, client.of("welcome")[0]!.user, nameOf(client), fault);
  if (status !== 200) throw new Error(`The fault was refused: ${JSON.stringify(body)}`);
  return body;
}

/** Posts a message and waits until it is stored; returns its seq. */
export async function post(client: TestClient, id: string, text = id): Promise<number> {
  client.send({ type: "message", id, text });
  return (await client.next("ack")).seq;
}
