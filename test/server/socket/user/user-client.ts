import { TestClient } from "../../../support/clients/test-client.ts";
import type { TestServer } from "../../../support/server/test-server.ts";

/** Opens the socket of `user`, and waits for its welcome. */
export async function connectUser(
  server: Pick<TestServer, "wsUrl" | "token">,
  user = "anna",
  { token, query = "" }: { readonly token?: string; readonly query?: string } = {},
): Promise<TestClient> {
  return TestClient.connect(
    `${server.wsUrl}/ws/${user}?token=${token ?? (await server.token(user))}${query}`,
  );
}

/** Opens conversations on the socket of a user, and waits until all are open. */
export async function open(client: TestClient, ...names: string[]): Promise<void> {
  client.send({ type: "open", conversations: names.map((conversation) => ({ conversation })) });
  for (const _ of names) await client.next("opened");
}
