import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import { sign } from "../token-signer.ts";
import { assert, assertEqual } from "../verdicts.ts";
import { expectRejected } from "./handshake.ts";

/** How long before its token expires a connection is warned, in seconds. */
const EXPIRY_WARNING_S = 60;
/** How long until a sign-out closes the token's sockets, in milliseconds, with a margin for the network. */
const SIGN_OUT_TIMEOUT_MS = 2_000;

/** Rules A2, A3, A6 and A7: how long a token is valid, and for what. */
export const TOKEN_CHECKS: readonly Check[] = [
  {
    rule: "A2",
    what: "before a token expires the client is warned, and can renew it on the open socket",
    run: renewsTokens,
  },
  {
    rule: "A2",
    what: "another user's token is rejected, and the socket stays open",
    run: async (context) => {
      const { socket } = await context.join(context.ann, context.conversation());
      socket.send({ type: "token", token: context.bob.token });
      assertEqual("code of the error", (await socket.next("error")).code, "forbidden");
      await socket.flushed();
    },
  },
  { rule: "A3", what: "a sign-out closes the token's sockets within a second: 4401", run: signsOut },
  {
    rule: "A6",
    what: "a token for some conversations or rights is not valid for others",
    run: keepsToGrants,
  },
  { rule: "A7", what: "a ticket opens its conversation once", run: acceptsTicketOnce },
];

async function renewsTokens(context: TestContext): Promise<void> {
  const key = context.requireKey();
  const { user } = context.ann;
  const now = Math.floor(Date.now() / 1000);
  // Issued an hour ago: for a token that lives shorter than two minutes the warning comes later.
  const claims = { iat: now - 3600, exp: now + EXPIRY_WARNING_S / 2 };
  const { socket } = await context.join({ user, token: sign(key, user, claims) }, context.conversation());
  const { seconds = 0 } = await socket.next("warning", ({ code }) => code === "token_expiring");
  assert(seconds > 0, `The warning says that ${seconds} s are left.`);
  socket.send({ type: "token", token: sign(key, user) });
  const { expires_in } = await socket.next("token_accepted");
  assert(expires_in > EXPIRY_WARNING_S, `\`expires_in\` of the new token is ${expires_in} s.`);
}

async function signsOut(context: TestContext): Promise<void> {
  const key = context.requireKey();
  const { user } = context.ann;
  const conversation = context.conversation();
  const signedOut = { user, token: sign(key, user) };
  const { socket } = await context.join(signedOut, conversation);
  const { socket: other } = await context.join(context.ann, conversation);
  const response = await context.fetch("/logout", { method: "POST", as: signedOut });
  assert(response.ok, `POST /logout returned ${response.status}.`);
  assertEqual(
    "code of the error",
    (await socket.next("error", undefined, SIGN_OUT_TIMEOUT_MS)).code,
    "token_revoked",
  );
  assertEqual("close code", (await socket.closed()).code, 4401);
  await expectRejected(context.open(context.path(signedOut, conversation)), "token_revoked", 4401);
  await other.flushed();
}

async function keepsToGrants(context: TestContext): Promise<void> {
  const key = context.requireKey();
  const { user } = context.ann;
  const conversation = context.conversation();
  const claims = { conversations: [`${conversation.slice(0, -2)}*`], rights: ["read"] };
  const reader = { user, token: sign(key, user, claims) };
  await expectRejected(context.open(context.path(reader, "conformance-elsewhere")), "forbidden", 4403);
  const { socket } = await context.join(reader, conversation);
  socket.send({ type: "message", id: "mute", text: "hello" });
  const error = await socket.next("error");
  assertEqual("code and id of the error", [error.code, error.id], ["forbidden", "mute"]);
  // A read mark needs the right to read only.
  socket.send({ type: "read", seq: 0 });
  await socket.flushed();
}

async function acceptsTicketOnce(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const requestTicket = async () => {
    const body = new URLSearchParams({ conversation });
    const response = await context.fetch("/ticket", { method: "POST", body, as: context.ann });
    assertEqual("status of POST /ticket", response.status, 200);
    const { ticket } = (await response.json()) as { ticket?: unknown };
    assert(typeof ticket === "string", "The response of POST /ticket has no `ticket`.");
    return `?ticket=${ticket}`;
  };
  const ticket = await requestTicket();
  const path = `/ws/${context.ann.user}/${conversation}`;
  await context.open(`${path}${ticket}`).next("welcome");
  await expectRejected(context.open(`${path}${ticket}`), "unauthorized", 4401);
  await expectRejected(context.open(`${path}-elsewhere${await requestTicket()}`), "unauthorized", 4401);
}
