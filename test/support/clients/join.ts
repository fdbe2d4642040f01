import type { TestServer } from "../server/test-server.ts";
import { RawSocket } from "./raw-socket.ts";
import { TestClient } from "./test-client.ts";

type TokenSource = Pick<TestServer, "token">;

interface JoinOptions {
  /** A token of the user; one of the server's is made where it is not given. */
  readonly token?: string;
  /** Further query of the address: `&after=3`. */
  readonly query?: string;
  /** Instead of `lobby`. */
  readonly conversation?: string;
}

/** Connects `user` to the conversation `lobby` and waits for the welcome. */
export async function join(
  server: TokenSource & Pick<TestServer, "wsUrl">,
  user = "anna",
  options: JoinOptions = {},
): Promise<TestClient> {
  return TestClient.connect(`${server.wsUrl}${await pathOf(server, user, options)}`);
}

/** As `join`, with a client on bare TCP. */
export async function joinRaw(
  server: TokenSource & Pick<TestServer, "port">,
  user = "anna",
  options: JoinOptions = {},
): Promise<RawSocket> {
  const raw = await RawSocket.handshake(server.port, await pathOf(server, user, options));
  await raw.waitForFrame("welcome");
  return raw;
}

async function pathOf(
  server: TokenSource,
  user: string,
  { token, query = "", conversation = "lobby" }: JoinOptions,
): Promise<string> {
  return `/ws/${user}/${conversation}?token=${token ?? (await server.token(user))}${query}`;
}
