import { SUBPROTOCOL } from "../../protocol/version.ts";
import type { Check } from "../check.ts";
import type { TestContext, TestUser } from "../context.ts";
import { type Fields, rawHandshake, rawRequest } from "../raw-request.ts";
import type { TestSocket } from "../test-socket.ts";
import { sign } from "../token-signer.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Most connections that are opened to see that one more is refused. */
const MAX_CONNECTIONS_TESTED = 10;

/** Who may open a socket, and how they are told that they may not. */
export const HANDSHAKE_CHECKS: readonly Check[] = [
  {
    rule: "A1",
    what: "tokens that are damaged, foreign, incomplete or expired are refused",
    run: refusesBadTokens,
  },
  {
    rule: "A5",
    what: "a page of another origin is refused with 403",
    run: async ({ target, ann }) => {
      const path = `/ws/${ann.user}/conformance?token=${ann.token}`;
      const { status } = await rawHandshake(target, path, { Origin: "https://conformance.invalid" });
      assertEqual("status for a page of https://conformance.invalid", status, 403);
    },
  },
  { rule: "A5", what: "the server's own page may sign in and connect", run: acceptsOwnPage },
  { rule: "W1", what: "broken handshakes are refused as HTTP", run: refusesBrokenHandshakes },
  {
    rule: "W3",
    what: "another user's token: `forbidden`, 4403",
    run: async (world) => {
      const stolen: TestUser = { user: world.bob.user, token: world.ann.token };
      await expectRejected(world.open(world.path(stolen, world.conversation())), "forbidden", 4403);
    },
  },
  {
    rule: "W3",
    what: "a wrong name: `bad_address`, 4400",
    run: async (world) => expectRejected(world.open(world.path(world.ann, "no%20name")), "bad_address", 4400),
  },
  {
    rule: "W3",
    what: "two credentials: `bad_address`, 4400",
    run: async (world) => {
      const path = world.path(world.ann, world.conversation());
      await expectRejected(world.open(`${path}&token=${world.bob.token}`), "bad_address", 4400);
    },
  },
  {
    rule: "W4",
    what: "without a credential the first frame must be `token`",
    run: async (world) => {
      const path = `/ws/${world.ann.user}/${world.conversation()}`;
      const wrong = world.open(path);
      await wrong.opened();
      wrong.send({ type: "message", text: "hello" });
      await expectRejected(wrong, "unauthorized", 4401);
      const right = world.open(path);
      await right.opened();
      right.send({ type: "token", token: world.ann.token });
      await right.next("welcome");
    },
  },
  {
    rule: "W5",
    what: "one connection more than the plan allows: 4409, and when to come back",
    run: refusesOneTooMany,
  },
  {
    rule: "W6",
    what: "only `parley.v1` is ever answered as subprotocol, never a token",
    run: answersOneSubprotocol,
  },
  {
    rule: "W7",
    what: "`welcome` comes first, and frames sent before it are worked on",
    run: async (world) => {
      const line = world.open(world.path(world.ann, world.conversation()));
      await line.opened();
      line.send({ type: "ping", id: "early" });
      await line.next("pong", ({ id }) => id === "early");
      assertEqual("the first frame", line.frames[0]?.type, "welcome");
    },
  },
  { rule: "W8", what: "a client's newer connection replaces its older one: 4410", run: replacesTheOlder },
];

/** Holds a line to be refused with an `error` and a close; whether `closing` comes between them is F3's. */
export async function expectRejected(line: TestSocket, code: string, close: number): Promise<void> {
  const error = await line.next("error");
  assertEqual("code of the error", error.code, code);
  assertEqual("close code", (await line.closed()).code, close);
  assertEqual("`welcome` frames to who is refused", line.of("welcome").length, 0);
}

async function refusesBadTokens(world: TestContext): Promise<void> {
  const { ann, key } = world;
  const { user, token } = ann;
  const at = token.lastIndexOf(".") + 5;
  const damaged = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
  const tokens = [["unauthorized", damaged]];
  if (key !== undefined) {
    const long = Math.floor(Date.now() / 1000) - 7200;
    for (const claims of [{ iss: "somebody" }, { aud: "somebody" }, { jti: undefined }, { exp: undefined }])
      tokens.push(["unauthorized", sign(key, user, claims)]);
    tokens.push(["unauthorized", sign(key, user, {}, { typ: "JWT" })]);
    tokens.push(["token_expired", sign(key, user, { iat: long, exp: long + 60 })]);
  }
  for (const [code = "", bad = ""] of tokens)
    await expectRejected(world.open(world.path({ user, token: bad }, world.conversation())), code, 4401);
}

/** What a proxy spoils that does not say under which name the browser asked. */
async function acceptsOwnPage(world: TestContext): Promise<void> {
  const { target, ann } = world;
  const { origin } = new URL(target.http);
  const advice = `have the proxy in front pass \`Host\` on and add \`X-Forwarded-Proto\`, or list ${origin} in ALLOWED_ORIGINS`;
  const body = new URLSearchParams({ username: world.conversation(), password: "conformance" });
  const signIn = await world.fetch("/token", { method: "POST", body, headers: { Origin: origin } });
  assert(
    signIn.status !== 403,
    `A sign-in on the server's own page, ${origin}, was answered 403: ${advice}.`,
  );
  const socket = await rawHandshake(target, `/ws/${ann.user}/conformance?token=${ann.token}`, {
    Origin: origin,
  });
  assert(
    socket.status === 101,
    `A socket of the server's own page, ${origin}, was answered ${socket.status}: ${advice}.`,
  );
}

async function refusesBrokenHandshakes({ target, ann }: TestContext): Promise<void> {
  const path = `/ws/${ann.user}/conformance`;
  const cases: [string, number[], Promise<{ status: number; headers: Headers }>][] = [
    ["without `Upgrade`", [426], rawRequest(target, "GET", path, {})],
    ["with version 12", [426], rawHandshake(target, path, { "Sec-WebSocket-Version": "12" })],
    ["without a key", [400], rawHandshake(target, path, { "Sec-WebSocket-Key": undefined })],
    ["with POST", [405], rawRequest(target, "POST", path, { "Content-Length": "0" })],
    ["at a path without a conversation", [404], rawHandshake(target, "/ws/conformance")],
    // 400 is what HAProxy says of one that is longer than its buffer.
    [
      "at an address of 20,000 bytes",
      [400, 414, 431],
      rawHandshake(target, `${path}?x=${"x".repeat(20_000)}`),
    ],
    ["with a subprotocol of another kind", [400], rawHandshake(target, path, offer("chat"))],
  ];
  for (const [what, statuses, answer] of cases) {
    const { status, headers } = await answer;
    assert(
      statuses.includes(status),
      `A handshake ${what} was answered ${status}, not ${statuses.join(" or ")}.`,
    );
    if (status === 426)
      assertEqual(`Sec-WebSocket-Version ${what}`, headers.get("sec-websocket-version"), "13");
  }
}

async function refusesOneTooMany(world: TestContext): Promise<void> {
  const many = world.newUser();
  const me = await world.fetch("/me", { as: many });
  const { connections_limit: limit = 0 } = (await me.json()) as { connections_limit?: number };
  if (limit === 0 || limit > MAX_CONNECTIONS_TESTED)
    throw new RuleSkipped(
      `the plan at hand allows ${limit || "any number of"} connections; they are not used up`,
    );
  const conversation = world.conversation();
  for (let open = 0; open < limit; open++) await world.join(many, conversation);
  const line = world.open(world.path(many, conversation));
  await expectRejected(line, "too_many_connections", 4409);
  // That there is one is F3's.
  const [closing] = line.of("closing");
  if (closing === undefined) return;
  assertEqual("`closing.reconnect` with 4409", closing.reconnect, true);
  assert(
    (closing.retry_after ?? 0) > 0,
    "`closing.retry_after` with 4409 does not say when a place may be free.",
  );
}

async function replacesTheOlder(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const path = `${world.path(world.ann, conversation)}&client=conformance`;
  const older = world.open(path);
  await older.next("welcome");
  const stranger: TestUser = { user: world.bob.user, token: world.ann.token };
  await expectRejected(
    world.open(`${world.path(stranger, conversation)}&client=conformance`),
    "forbidden",
    4403,
  );
  const newer = world.open(path);
  await newer.next("welcome");
  assertEqual("close code of the older one", (await older.closed()).code, 4410);
  newer.send({ type: "ping", id: "here" });
  await newer.next("pong", ({ id }) => id === "here");
  await expectRejected(world.open(`${path}&client=conformance`), "bad_address", 4400);
}

async function answersOneSubprotocol({ target, ann }: TestContext): Promise<void> {
  const path = `/ws/${ann.user}/conformance`;
  const offered = await rawHandshake(target, path, offer(`bearer.${ann.token}, ${SUBPROTOCOL}`));
  assertEqual("status of a handshake with the token as a subprotocol", offered.status, 101);
  const chosen = offered.headers.get("sec-websocket-protocol");
  assert(
    chosen === SUBPROTOCOL,
    `\`bearer.…, ${SUBPROTOCOL}\` was offered, and ${chosen?.startsWith("bearer.") ? "the token" : (chosen ?? "nothing")} was answered.`,
  );
  const without = await rawHandshake(target, `${path}?token=${ann.token}`);
  assertEqual(
    "subprotocol answered where none was offered",
    without.headers.get("sec-websocket-protocol"),
    null,
  );
}

function offer(protocols: string): Fields {
  return { "Sec-WebSocket-Protocol": protocols };
}
