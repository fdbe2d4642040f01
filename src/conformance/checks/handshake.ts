import { SUBPROTOCOL } from "../../protocol/version.ts";
import type { Check } from "../check.ts";
import type { TestContext, TestUser } from "../context.ts";
import { type Fields, rawHandshake, rawRequest } from "../raw-request.ts";
import type { TestSocket } from "../test-socket.ts";
import { sign } from "../token-signer.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Most connections that are opened to test that one more is rejected. */
const MAX_CONNECTIONS_TESTED = 10;

/** Rules A1, A5 and W1–W8: which clients may open a socket, and how others are rejected. */
export const HANDSHAKE_CHECKS: readonly Check[] = [
  {
    rule: "A1",
    what: "tokens that are damaged, foreign, incomplete or expired are rejected",
    run: refusesBadTokens,
  },
  {
    rule: "A5",
    what: "a page of another origin is rejected with 403",
    run: async ({ target, ann }) => {
      const path = `/ws/${ann.user}/conformance?token=${ann.token}`;
      const { status } = await rawHandshake(target, path, { Origin: "https://conformance.invalid" });
      assertEqual("status for a page of https://conformance.invalid", status, 403);
    },
  },
  { rule: "A5", what: "the server's own page may sign in and connect", run: acceptsOwnPage },
  { rule: "W1", what: "invalid handshakes are rejected with an HTTP status", run: refusesBrokenHandshakes },
  {
    rule: "W3",
    what: "another user's token: `forbidden`, 4403",
    run: async (context) => {
      const stolen: TestUser = { user: context.bob.user, token: context.ann.token };
      await expectRejected(context.open(context.path(stolen, context.conversation())), "forbidden", 4403);
    },
  },
  {
    rule: "W3",
    what: "a wrong name: `bad_address`, 4400",
    run: async (context) =>
      expectRejected(context.open(context.path(context.ann, "no%20name")), "bad_address", 4400),
  },
  {
    rule: "W3",
    what: "two credentials: `bad_address`, 4400",
    run: async (context) => {
      const path = context.path(context.ann, context.conversation());
      await expectRejected(context.open(`${path}&token=${context.bob.token}`), "bad_address", 4400);
    },
  },
  {
    rule: "W4",
    what: "without a credential the first frame must be `token`",
    run: async (context) => {
      const path = `/ws/${context.ann.user}/${context.conversation()}`;
      const wrong = context.open(path);
      await wrong.opened();
      wrong.send({ type: "message", text: "hello" });
      await expectRejected(wrong, "unauthorized", 4401);
      const right = context.open(path);
      await right.opened();
      right.send({ type: "token", token: context.ann.token });
      await right.next("welcome");
    },
  },
  {
    rule: "W5",
    what: "one connection more than the plan allows: 4409, and when to retry",
    run: refusesOneTooMany,
  },
  {
    rule: "W6",
    what: "the server only ever selects the subprotocol `parley.v1`, never a token",
    run: answersOneSubprotocol,
  },
  {
    rule: "W7",
    what: "`welcome` is the first frame, and frames sent before it are processed",
    run: async (context) => {
      const socket = context.open(context.path(context.ann, context.conversation()));
      await socket.opened();
      socket.send({ type: "ping", id: "early" });
      await socket.next("pong", ({ id }) => id === "early");
      assertEqual("the first frame", socket.frames[0]?.type, "welcome");
    },
  },
  { rule: "W8", what: "a client's newer connection replaces its older one: 4410", run: replacesTheOlder },
];

/** Asserts that a socket is rejected with an `error` and a close. Whether `closing` is sent between them is tested by F3. */
export async function expectRejected(socket: TestSocket, code: string, close: number): Promise<void> {
  const error = await socket.next("error");
  assertEqual("code of the error", error.code, code);
  assertEqual("close code", (await socket.closed()).code, close);
  assertEqual("`welcome` frames to a rejected client", socket.of("welcome").length, 0);
}

async function refusesBadTokens(context: TestContext): Promise<void> {
  const { ann, key } = context;
  const { user, token } = ann;
  const index = token.lastIndexOf(".") + 5;
  const damaged = token.slice(0, index) + (token[index] === "A" ? "B" : "A") + token.slice(index + 1);
  const tokens = [["unauthorized", damaged]];
  if (key !== undefined) {
    const twoHoursAgo = Math.floor(Date.now() / 1000) - 7200;
    for (const claims of [{ iss: "somebody" }, { aud: "somebody" }, { jti: undefined }, { exp: undefined }])
      tokens.push(["unauthorized", sign(key, user, claims)]);
    tokens.push(["unauthorized", sign(key, user, {}, { typ: "JWT" })]);
    tokens.push(["token_expired", sign(key, user, { iat: twoHoursAgo, exp: twoHoursAgo + 60 })]);
  }
  for (const [code = "", bad = ""] of tokens)
    await expectRejected(
      context.open(context.path({ user, token: bad }, context.conversation())),
      code,
      4401,
    );
}

/** Fails behind a proxy that does not forward the host name that the browser requested. */
async function acceptsOwnPage(context: TestContext): Promise<void> {
  const { target, ann } = context;
  const { origin } = new URL(target.http);
  const advice = `make the proxy forward \`Host\` and add \`X-Forwarded-Proto\`, or add ${origin} to ALLOWED_ORIGINS`;
  const body = new URLSearchParams({ username: context.conversation(), password: "conformance" });
  const signIn = await context.fetch("/token", { method: "POST", body, headers: { Origin: origin } });
  assert(signIn.status !== 403, `A sign-in on the server's own page, ${origin}, returned 403: ${advice}.`);
  const socket = await rawHandshake(target, `/ws/${ann.user}/conformance?token=${ann.token}`, {
    Origin: origin,
  });
  assert(
    socket.status === 101,
    `A handshake of the server's own page, ${origin}, returned ${socket.status}: ${advice}.`,
  );
}

async function refusesBrokenHandshakes({ target, ann }: TestContext): Promise<void> {
  const path = `/ws/${ann.user}/conformance`;
  const cases: [string, number[], Promise<{ status: number; headers: Headers }>][] = [
    ["without `Upgrade`", [426], rawRequest(target, "GET", path, {})],
    ["with version 12", [426], rawHandshake(target, path, { "Sec-WebSocket-Version": "12" })],
    ["without a key", [400], rawHandshake(target, path, { "Sec-WebSocket-Key": undefined })],
    ["with POST", [405], rawRequest(target, "POST", path, { "Content-Length": "0" })],
    ["at a path with a third name", [404], rawHandshake(target, `${path}/more`)],
    // HAProxy returns 400 for a request that is longer than its buffer.
    ["with a URL of 20,000 bytes", [400, 414, 431], rawHandshake(target, `${path}?x=${"x".repeat(20_000)}`)],
    ["with another subprotocol", [400], rawHandshake(target, path, offer("chat"))],
  ];
  for (const [what, statuses, answer] of cases) {
    const { status, headers } = await answer;
    assert(
      statuses.includes(status),
      `A handshake ${what} returned ${status}, not ${statuses.join(" or ")}.`,
    );
    if (status === 426)
      assertEqual(`Sec-WebSocket-Version ${what}`, headers.get("sec-websocket-version"), "13");
  }
}

async function refusesOneTooMany(context: TestContext): Promise<void> {
  const many = context.newUser();
  const me = await context.fetch("/me", { as: many });
  const { connections_limit: limit = 0 } = (await me.json()) as { connections_limit?: number };
  if (limit === 0 || limit > MAX_CONNECTIONS_TESTED)
    throw new RuleSkipped(
      `the smallest plan allows ${limit || "any number of"} connections, too many for this check`,
    );
  const conversation = context.conversation();
  for (let open = 0; open < limit; open++) await context.join(many, conversation);
  const socket = context.open(context.path(many, conversation));
  await expectRejected(socket, "too_many_connections", 4409);
  // F3 tests that `closing` is sent.
  const [closing] = socket.of("closing");
  if (closing === undefined) return;
  assertEqual("`closing.reconnect` with 4409", closing.reconnect, true);
  assert(
    (closing.retry_after ?? 0) > 0,
    "`closing.retry_after` is missing with 4409: it must say when to try again.",
  );
}

async function replacesTheOlder(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const path = `${context.path(context.ann, conversation)}&client=conformance`;
  const older = context.open(path);
  await older.next("welcome");
  const stolen: TestUser = { user: context.bob.user, token: context.ann.token };
  await expectRejected(
    context.open(`${context.path(stolen, conversation)}&client=conformance`),
    "forbidden",
    4403,
  );
  const newer = context.open(path);
  await newer.next("welcome");
  assertEqual("close code of the older one", (await older.closed()).code, 4410);
  newer.send({ type: "ping", id: "here" });
  await newer.next("pong", ({ id }) => id === "here");
  await expectRejected(context.open(`${path}&client=conformance`), "bad_address", 4400);
}

async function answersOneSubprotocol({ target, ann }: TestContext): Promise<void> {
  const path = `/ws/${ann.user}/conformance`;
  const offered = await rawHandshake(target, path, offer(`bearer.${ann.token}, ${SUBPROTOCOL}`));
  assertEqual("status of a handshake with the token as a subprotocol", offered.status, 101);
  const chosen = offered.headers.get("sec-websocket-protocol");
  assert(
    chosen === SUBPROTOCOL,
    `The client offered \`bearer.…, ${SUBPROTOCOL}\`, and the server selected ${chosen?.startsWith("bearer.") ? "the token" : (chosen ?? "nothing")}.`,
  );
  const without = await rawHandshake(target, `${path}?token=${ann.token}`);
  assertEqual(
    "subprotocol selected when none was offered",
    without.headers.get("sec-websocket-protocol"),
    null,
  );
}

function offer(protocols: string): Fields {
  return { "Sec-WebSocket-Protocol": protocols };
}
