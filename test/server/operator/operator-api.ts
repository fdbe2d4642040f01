import { expect } from "bun:test";
import { hashOfApiKey, newApiKey } from "../../../src/server/authentication/api-keys.ts";
import { OPERATOR_VERBS } from "../../../src/server/http/routes/operator/schemas.ts";
import type { VerbSchemas } from "../../../src/server/http/schemas/verb-schemas.ts";
import type { TestServer } from "../../support/server/test-server.ts";

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the answers are what is tested
  readonly body: any;
}

/** Keys in API_KEYS of a test server: `ops` with all rights, `manager` with `manage`, `reader` with `read`. */
export const KEYS = { ops: newApiKey(), manager: newApiKey(), reader: newApiKey() };

export const API_KEYS = [
  `ops:${hashOfApiKey(KEYS.ops)}:read+write+manage`,
  `manager:${hashOfApiKey(KEYS.manager)}:manage`,
  `reader:${hashOfApiKey(KEYS.reader)}:read`,
].join();

export const SETTINGS = {
  API_KEYS,
  PLANS: "free:100:5,basic:1000:20",
  BURST_RATE: "0",
  CONVERSATION_ACCESS: "anyone",
};

/** Sends requests to a server with `bearer`, and checks each answer that is no refusal by the schema of its verb. */
export function requestsAs({ url }: Pick<TestServer, "url">, bearer: string) {
  return async (line: string, body?: unknown): Promise<Answer> => {
    const [method = "", path = ""] = line.split(" ");
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${bearer}` },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
    if (response.ok) checkAnswer(method, path, answer);
    return answer;
  };
}

/** Fails where the answer of an operator's verb is not what its schema says. */
function checkAnswer(method: string, path: string, { status, body }: Answer): void {
  const verb = verbOf(method, path.split("?")[0]!);
  if (verb === undefined) return;
  expect(Object.keys(verb.answers)).toContain(String(status));
  const schema = verb.answers[status];
  if (schema === null) expect(body).toBeUndefined();
  else expect(schema!.safeParse(body).error?.issues).toBeUndefined();
}

function verbOf(method: string, path: string): VerbSchemas | undefined {
  const found = Object.entries<VerbSchemas>(OPERATOR_VERBS).find(([line]) => {
    const [of, pattern = ""] = line.split(" ");
    return of === method && new RegExp(`^${pattern.replace(/:\w+/g, "[^/]+")}$`).test(path);
  });
  return found?.[1];
}
