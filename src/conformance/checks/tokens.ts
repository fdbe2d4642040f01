import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import { sign } from "../token-signer.ts";
import { assert, assertEqual } from "../verdicts.ts";
import { expectRejected } from "./handshake.ts";

/** Seconds before its end that a token's connection is warned. */
const EXPIRY_WARNING_S = 60;
/** Milliseconds within which a token that was signed out has no socket, and room for the way. */
const SIGN_OUT_TIMEOUT_MS = 2_000;

/** What becomes of a connection with its token, and what a token is good for. */
export const TOKEN_CHECKS: readonly Check[] = [
  { rule: "A2", what: "a token about to end is warned of and renewed in place", run: renewsTokens },
  {
    rule: "A2",
    what: "another user's token renews nothing, and the socket stays",
    run: async (world) => {
      const { line } = await world.join(world.ann, world.conversation());
      line.send({ type: "token", token: world.bob.token });
      assertEqual("code of the error", (await line.next("error")).code, "forbidden");
      await line.flushed();
    },
  },
  { rule: "A3", what: "a token that was signed out loses its sockets within a second: 4401", run: signsOut },
  { rule: "A6", what: "a token for some conversations or rights is good for no others", run: keepsToGrants },
  { rule: "A7", what: "a ticket opens its conversation, once", run: takesTicketsOnce },
];

async function renewsTokens(world: TestContext): Promise<void> {
  const key = world.requireKey();
  const { user } = world.ann;
  const now = Math.floor(Date.now() / 1000);
  // A token that lived long: of one that lives shorter than two minutes the warning comes later.
  const claims = { iat: now - 3600, exp: now + EXPIRY_WARNING_S / 2 };
  const { line } = await world.join({ user, token: sign(key, user, claims) }, world.conversation());
  const { seconds = 0 } = await line.next("warning", ({ code }) => code === "token_expiring");
  assert(seconds > 0, `The warning says that ${seconds} s are left.`);
  line.send({ type: "token", token: sign(key, user) });
  const { expires_in } = await line.next("token_accepted");
  assert(expires_in > EXPIRY_WARNING_S, `The new token's life is told as ${expires_in} s.`);
}

async function signsOut(world: TestContext): Promise<void> {
  const key = world.requireKey();
  const { user } = world.ann;
  const conversation = world.conversation();
  const person = { user, token: sign(key, user) };
  const { line } = await world.join(person, conversation);
  const { line: other } = await world.join(world.ann, conversation);
  const answer = await world.fetch("/logout", { method: "POST", as: person });
  assert(answer.ok, `POST /logout was answered ${answer.status}.`);
  assertEqual(
    "code of the error",
    (await line.next("error", undefined, SIGN_OUT_TIMEOUT_MS)).code,
    "token_revoked",
  );
  assertEqual("close code", (await line.closed()).code, 4401);
  await expectRejected(world.open(world.path(person, conversation)), "token_revoked", 4401);
  await other.flushed();
}

async function keepsToGrants(world: TestContext): Promise<void> {
  const key = world.requireKey();
  const { user } = world.ann;
  const conversation = world.conversation();
  const claims = { conversations: [`${conversation.slice(0, -2)}*`], rights: ["read"] };
  const person = { user, token: sign(key, user, claims) };
  await expectRejected(world.open(world.path(person, "conformance-elsewhere")), "forbidden", 4403);
  const { line } = await world.join(person, conversation);
  line.send({ type: "message", id: "mute", text: "hello" });
  const error = await line.next("error");
  assertEqual("code and id of the error", [error.code, error.id], ["forbidden", "mute"]);
  // It needs the right to read only.
  line.send({ type: "read", seq: 0 });
  await line.flushed();
}

async function takesTicketsOnce(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const give = async () => {
    const body = new URLSearchParams({ conversation });
    const answer = await world.fetch("/ticket", { method: "POST", body, as: world.ann });
    assertEqual("status of POST /ticket", answer.status, 200);
    const { ticket } = (await answer.json()) as { ticket?: unknown };
    assert(typeof ticket === "string", "POST /ticket is answered without a `ticket`.");
    return `?ticket=${ticket}`;
  };
  const ticket = await give();
  const place = `/ws/${world.ann.user}/${conversation}`;
  await world.open(`${place}${ticket}`).next("welcome");
  await expectRejected(world.open(`${place}${ticket}`), "unauthorized", 4401);
  await expectRejected(world.open(`${place}-elsewhere${await give()}`), "unauthorized", 4401);
}
