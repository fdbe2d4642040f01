import { hashOfApiKey, newApiKey } from "../../../../../src/server/authentication/api-keys.ts";
import { startTestServer, type TestServerOptions } from "../../../../support/server/test-server.ts";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the answers are what is tested
  readonly body: any;
}

/** A server with an API key, and its HTTP verbs as users and the key send them. */
export async function startMemberServer(options: TestServerOptions = {}) {
  const key = newApiKey();
  const entry = `backend:${hashOfApiKey(key)}:read+write+manage`;
  const server = await startTestServer({
    ...options,
    env: { API_KEYS: entry, BURST_RATE: "0", ...options.env },
  });
  const send = async (bearer: string, line: string, body?: unknown): Promise<Answer> => {
    const [method, path] = line.split(" ") as [string, string];
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${bearer}` },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  const tokens = new Map<string, string>();
  const as = async (user: string, line: string, body?: unknown): Promise<Answer> => {
    if (user === "key") return send(key, line, body);
    const token = tokens.get(user) ?? (await server.token(user));
    tokens.set(user, token);
    return send(token, line, body);
  };
  /** Makes a conversation of `members` whose owner is ann; returns its name. */
  const make = async (members: object[] = [], fields: object = {}): Promise<string> => {
    const { status, body } = await as("ann", "POST /conversations", {
      access: "members",
      members,
      ...fields,
    });
    if (status !== 201) throw new Error(`not made: ${JSON.stringify(body)}`);
    return body.conversation;
  };
  return { server, key, send, as, make, [Symbol.asyncDispose]: () => server.stop() };
}
