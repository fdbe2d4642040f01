import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Milliseconds that a leave may take: the grace (PRESENCE_GRACE, 5 s as a rule) and room. */
const LEAVE_TIMEOUT_MS = 12_000;
/** Milliseconds after which somebody's typing must have lapsed, 6 s, and room. */
const TYPING_LAPSE_TIMEOUT_MS = 9_000;

/** Who is there, who types, who has read how far. */
export const PRESENCE_CHECKS: readonly Check[] = [
  {
    rule: "P1",
    what: "a user joins once and leaves once; a quick return is neither",
    slow: true,
    run: joinsOnce,
  },
  {
    rule: "P3",
    what: "`typing` reaches the others, not its own user, and lapses by itself",
    slow: true,
    run: lapses,
  },
  { rule: "P4", what: "read marks reach the others, go forward only, and stand in `welcome`", run: marks },
];

async function joinsOnce(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line: watcher } = await world.join(world.ann, conversation);
  const { line: first, welcome } = await world.join(world.bob, conversation);
  // Who came to another node a moment before may not stand in `welcome` yet; then a `joined` follows.
  const here = () => [...welcome.present, ...first.of("presence")].map(({ user }) => user).sort();
  await first.until(() => here().length >= 2, "who is there, in `present` or by `joined`");
  assertEqual("who is there", here(), [world.ann.user, world.bob.user].sort());
  await watcher.next("presence", ({ user, state }) => user === world.bob.user && state === "joined");
  const { line: second } = await world.join(world.bob, conversation);
  await first.disconnect();
  await second.disconnect();
  const { line: back } = await world.join(world.bob, conversation);
  await watcher.flushed();
  const seen = () => watcher.of("presence").filter(({ user }) => user === world.bob.user);
  // With PRESENCE_GRACE=0 a return is a leave and a join, told in that order.
  const graced = seen().length === 1;
  await back.disconnect();
  const wanted = graced ? ["joined", "left"] : ["joined", "left", "joined", "left"];
  await watcher.until(() => seen().length >= wanted.length, "`left` of who has gone", LEAVE_TIMEOUT_MS);
  assertEqual(
    "what was told of the other user",
    seen().map(({ state }) => state),
    wanted,
  );
  assertEqual("what was told of its own user", watcher.of("presence").length, wanted.length);
}

async function lapses(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line: watcher } = await world.join(world.ann, conversation);
  const { line: typist } = await world.join(world.bob, conversation);
  typist.send({ type: "typing", active: true });
  const started = await watcher.next("typing");
  assertEqual("who types", [started.user, started.active], [world.bob.user, true]);
  const ended = await watcher.next("typing", ({ active }) => !active, TYPING_LAPSE_TIMEOUT_MS);
  assertEqual("who stopped", ended.user, world.bob.user);
  assertEqual("`typing` frames to their own user", typist.of("typing").length, 0);
}

async function marks(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line: watcher } = await world.join(world.ann, conversation);
  const { line: reader } = await world.join(world.bob, conversation);
  for (const text of ["1", "2"]) await world.sendMessage(watcher, text);
  for (const seq of [2, 1]) reader.send({ type: "read", seq });
  const mark = await watcher.next("read");
  assertEqual("the mark", [mark.user, mark.seq], [world.bob.user, 2]);
  await reader.flushed();
  await watcher.flushed();
  const seqs = watcher.of("read").map(({ seq }) => seq);
  assert(seqs.length === 1, `A mark went back: ${seqs.join(", ")}.`);
  const { welcome } = await world.join(world.ann, conversation);
  const bob = welcome.present.find(({ user }) => user === world.bob.user);
  if (bob === undefined) throw new RuleSkipped("the reader is not present any more");
  assertEqual("`read` in `welcome.present`", bob.read, 2);
}
