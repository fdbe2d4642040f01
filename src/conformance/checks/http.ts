import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** The same server over HTTP. */
export const HTTP_CHECKS: readonly Check[] = [
  {
    rule: "H1",
    what: "POST /token refuses as OAuth 2 has it",
    run: async (world) => {
      const wrong = await world.fetch("/token", {
        method: "POST",
        body: new URLSearchParams({ username: world.conversation(), password: "conformance" }),
      });
      assertEqual("status for a user that is not there", wrong.status, 401);
      assertEqual("`error`", ((await wrong.json()) as { error?: string }).error, "invalid_grant");
      const missing = await world.fetch("/token", { method: "POST", body: new URLSearchParams() });
      assertEqual("status without fields", missing.status, 422);
    },
  },
  {
    rule: "H2",
    what: "faults are problem details with a `code`",
    run: async (world) => {
      const answer = await world.fetch("/me");
      assertEqual("status of GET /me without a token", answer.status, 401);
      const type = answer.headers.get("content-type") ?? "";
      assert(type.startsWith("application/problem+json"), `The content type is ${type || "missing"}.`);
      assertEqual("`code`", ((await answer.json()) as { code?: string }).code, "unauthorized");
    },
  },
  {
    rule: "H3",
    what: "a message over HTTP is one like any other: once, charged, heard, read",
    run: sendsOverHttp,
  },
];

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> & { readonly quota?: { readonly remaining?: number } };
}

async function sendsOverHttp(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const place = `/conversations/${conversation}`;
  const ask = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const answer = await world.fetch(`${place}${path}`, { as: world.ann, ...init });
    return { status: answer.status, body: (await answer.json().catch(() => ({}))) as Answer["body"] };
  };
  const post = () => {
    const body = JSON.stringify({ id: "over-http", text: "hello", data: { n: 1 } });
    return ask("/messages", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  };
  const { line } = await world.join(world.bob, conversation);
  const first = await post();
  if (first.status === 404) throw new RuleSkipped("this server has no messages over HTTP");
  assertEqual(
    "status, id and seq of POST …/messages",
    [first.status, first.body.id, first.body.seq],
    [201, "over-http", 1],
  );
  const received = await line.next("message");
  assertEqual(
    "what the socket got",
    [received.from, received.text, received.data],
    [world.ann.user, "hello", { n: 1 }],
  );
  const again = await post();
  assertEqual(
    "status, seq and `duplicate` of the repeat",
    [again.status, again.body.seq, again.body.duplicate],
    [200, 1, true],
  );
  assertEqual("requests left after the repeat", again.body.quota?.remaining, first.body.quota?.remaining);
  const { status, body } = await ask("/messages?after=0&limit=5");
  const { type: _, ...message } = received;
  assertEqual("status, messages and `more` of GET …/messages", [status, body.more], [200, false]);
  assertEqual(
    "the message read over HTTP",
    Object.entries((body.messages as object[])[0] ?? {}).sort(),
    Object.entries(message).sort(),
  );
  const present = (await ask("/presence")).body.present as { user: string }[] | undefined;
  assertEqual(
    "GET …/presence",
    present?.map(({ user }) => user),
    [world.bob.user],
  );
}
