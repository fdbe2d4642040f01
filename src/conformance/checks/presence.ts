import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** How long a leave may take, in milliseconds: the grace period (PRESENCE_GRACE, default 5 s) and a margin. */
const LEAVE_TIMEOUT_MS = 12_000;
/** How long until a user's typing must have lapsed, in milliseconds: 6 s and a margin. */
const TYPING_LAPSE_TIMEOUT_MS = 9_000;

/** Rules P1, P3, P4 and LR1: presence, typing and read marks. */
export const PRESENCE_CHECKS: readonly Check[] = [
  {
    rule: "P1",
    what: "a user joins once and leaves once; a quick reconnect is neither",
    slow: true,
    run: joinsOnce,
  },
  {
    rule: "P3",
    what: "`typing` is sent to the others, not to its own user, and lapses without a refresh",
    slow: true,
    run: lapses,
  },
  {
    rule: "P4",
    what: "read marks are sent to the others, only move forward, and are in `welcome`",
    run: marks,
  },
  {
    rule: "LR1",
    what: "`welcome` and the pages of `GET …/presence` have the users and their number",
    run: counts,
  },
];

async function joinsOnce(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: watcher } = await context.join(context.ann, conversation);
  const { socket: first, welcome } = await context.join(context.bob, conversation);
  // A user who has just joined on another node may be missing in `welcome`; then a `joined` follows.
  const presentUsers = () => [...welcome.present, ...first.of("presence")].map(({ user }) => user).sort();
  await first.until(() => presentUsers().length >= 2, "second user, in `present` or as `joined`");
  assertEqual("the present users", presentUsers(), [context.ann.user, context.bob.user].sort());
  await watcher.next("presence", ({ user, state }) => user === context.bob.user && state === "joined");
  const { socket: second } = await context.join(context.bob, conversation);
  await first.disconnect();
  await second.disconnect();
  const { socket: back } = await context.join(context.bob, conversation);
  await watcher.flushed();
  const events = () => watcher.of("presence").filter(({ user }) => user === context.bob.user);
  // With PRESENCE_GRACE=0 a reconnect is a leave and a join, in that order.
  const hasGrace = events().length === 1;
  await back.disconnect();
  const expected = hasGrace ? ["joined", "left"] : ["joined", "left", "joined", "left"];
  await watcher.until(
    () => events().length >= expected.length,
    "`left` of the user who disconnected",
    LEAVE_TIMEOUT_MS,
  );
  assertEqual(
    "presence events of the other user",
    events().map(({ state }) => state),
    expected,
  );
  assertEqual("presence events in all", watcher.of("presence").length, expected.length);
}

async function lapses(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: watcher } = await context.join(context.ann, conversation);
  const { socket: typist } = await context.join(context.bob, conversation);
  typist.send({ type: "typing", active: true });
  const started = await watcher.next("typing");
  assertEqual("the user who types", [started.user, started.active], [context.bob.user, true]);
  const ended = await watcher.next("typing", ({ active }) => !active, TYPING_LAPSE_TIMEOUT_MS);
  assertEqual("the user who stopped", ended.user, context.bob.user);
  assertEqual("`typing` frames to their own user", typist.of("typing").length, 0);
}

async function marks(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: watcher } = await context.join(context.ann, conversation);
  const { socket: reader } = await context.join(context.bob, conversation);
  for (const text of ["1", "2"]) await context.sendMessage(watcher, text);
  for (const seq of [2, 1]) reader.send({ type: "read", seq });
  const mark = await watcher.next("read");
  assertEqual("the read mark", [mark.user, mark.seq], [context.bob.user, 2]);
  await reader.flushed();
  await watcher.flushed();
  const seqs = watcher.of("read").map(({ seq }) => seq);
  assert(seqs.length === 1, `A read mark moved back: ${seqs.join(", ")}.`);
  const { welcome } = await context.join(context.ann, conversation);
  const bob = welcome.present.find(({ user }) => user === context.bob.user);
  if (bob === undefined) throw new RuleSkipped("the reader is not present any more");
  assertEqual("`read` in `welcome.present`", bob.read, 2);
}

async function counts(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const users = [context.ann.user, context.bob.user].sort();
  const { socket: watcher } = await context.join(context.ann, conversation);
  const { welcome } = await context.join(context.bob, conversation);
  assertEqual("`present_count` in `welcome`", welcome.present_count, welcome.present.length);
  if (welcome.present.length < 2) await watcher.next("presence");
  const listed: string[] = [];
  for (let query = "?limit=1"; query !== ""; ) {
    const path = `/conversations/${conversation}/presence${query}`;
    const response = await context.fetch(path, { as: context.ann });
    if (response.status === 404) throw new RuleSkipped("this server does not list present users over HTTP");
    const { present, present_count, more, cursor } = (await response.json()) as PresencePage;
    assertEqual("users and `present_count` of a page", [present?.length, present_count], [1, 2]);
    listed.push(...(present ?? []).map(({ user }) => user));
    assertEqual("`more` of a page", more, listed.length < 2);
    query = more === true && listed.length < 2 ? `?limit=1&cursor=${cursor}` : "";
  }
  assertEqual("the users of all pages", listed.sort(), users);
}

interface PresencePage {
  readonly present?: readonly { readonly user: string }[];
  readonly present_count?: number;
  readonly more?: boolean;
  readonly cursor?: string;
}
