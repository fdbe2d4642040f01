import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Rules H1–H3: the HTTP interface. */
export const HTTP_CHECKS: readonly Check[] = [
  {
    rule: "H1",
    what: "POST /token rejects as OAuth 2 defines it",
    run: async (context) => {
      const wrong = await context.fetch("/token", {
        method: "POST",
        body: new URLSearchParams({ username: context.conversation(), password: "conformance" }),
      });
      assertEqual("status for an unknown user", wrong.status, 401);
      assertEqual("`error`", ((await wrong.json()) as { error?: string }).error, "invalid_grant");
      const missing = await context.fetch("/token", { method: "POST", body: new URLSearchParams() });
      assertEqual("status without fields", missing.status, 422);
    },
  },
  {
    rule: "H2",
    what: "errors are problem details with a `code`",
    run: async (context) => {
      const response = await context.fetch("/me");
      assertEqual("status of GET /me without a token", response.status, 401);
      const type = response.headers.get("content-type") ?? "";
      assert(type.startsWith("application/problem+json"), `The content type is ${type || "missing"}.`);
      assertEqual("`code`", ((await response.json()) as { code?: string }).code, "unauthorized");
    },
  },
  {
    rule: "H3",
    what: "a message over HTTP is stored once, charged, delivered and readable like any other",
    run: sendsOverHttp,
  },
];

interface HttpResult {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> & { readonly quota?: { readonly remaining?: number } };
}

async function sendsOverHttp(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const request = async (path: string, init: RequestInit = {}): Promise<HttpResult> => {
    const response = await context.fetch(`/conversations/${conversation}${path}`, {
      as: context.ann,
      ...init,
    });
    return { status: response.status, body: (await response.json().catch(() => ({}))) as HttpResult["body"] };
  };
  const post = () => {
    const body = JSON.stringify({ id: "over-http", text: "hello", data: { n: 1 } });
    return request("/messages", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  };
  const { socket } = await context.join(context.bob, conversation);
  const first = await post();
  if (first.status === 404) throw new RuleSkipped("this server does not accept messages over HTTP");
  assertEqual(
    "status, id and seq of POST …/messages",
    [first.status, first.body.id, first.body.seq],
    [201, "over-http", 1],
  );
  const received = await socket.next("message");
  assertEqual(
    "the message that the socket received",
    [received.from, received.text, received.data],
    [context.ann.user, "hello", { n: 1 }],
  );
  const again = await post();
  assertEqual(
    "status, seq and `duplicate` of the repeat",
    [again.status, again.body.seq, again.body.duplicate],
    [200, 1, true],
  );
  assertEqual("requests left after the repeat", again.body.quota?.remaining, first.body.quota?.remaining);
  const { status, body } = await request("/messages?after=0&limit=5");
  const { type: _, ...message } = received;
  assertEqual("status, messages and `more` of GET …/messages", [status, body.more], [200, false]);
  assertEqual(
    "the message read over HTTP",
    Object.entries((body.messages as object[])[0] ?? {}).sort(),
    Object.entries(message).sort(),
  );
  const present = (await request("/presence")).body.present as { user: string }[] | undefined;
  assertEqual(
    "GET …/presence",
    present?.map(({ user }) => user),
    [context.bob.user],
  );
}
