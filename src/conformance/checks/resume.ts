import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assertEqual } from "../verdicts.ts";

/** Coming back to a conversation. */
export const RESUME_CHECKS: readonly Check[] = [
  {
    rule: "D4",
    what: "who comes back with `after` gets what was missed, then live, without a seam",
    run: resumes,
  },
  {
    rule: "D4",
    what: "nothing missed, nothing sent again",
    run: async (world) => {
      const conversation = world.conversation();
      const { line } = await world.join(world.ann, conversation);
      const { seq } = await world.sendMessage(line, "seen");
      const { line: back, welcome } = await world.join(world.ann, conversation, { after: seq });
      await back.flushed();
      assertEqual("`resumed` with `after` alone", welcome.resumed, true);
      assertEqual("messages sent again", seqs(back), []);
    },
  },
  {
    rule: "D5",
    what: "a foreign `epoch`: `resumed` false, nothing is replayed",
    run: async (world) => refusesToResume(world, () => ({ after: 1, epoch: "conformance" })),
  },
  {
    rule: "D5",
    what: "an `after` that is larger than `seq`: `resumed` false",
    run: async (world) => refusesToResume(world, (epoch) => ({ after: 1_000, epoch })),
  },
  {
    rule: "MX7",
    what: "`last` shows the newest messages at once, for nothing; what follows is news",
    run: showsNewest,
  },
  {
    rule: "MX7",
    what: "`last` with `after`: no `history`, at most the newest of what was missed, and `skipped` names the rest",
    run: skipsOldest,
  },
  {
    rule: "MX7",
    what: "a wrong `last` is `bad_address`, 4400",
    run: refusesWrongLast,
  },
];

async function showsNewest(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line: sender } = await world.join(world.ann, conversation);
  for (const text of ["1", "2", "3", "4"]) await world.sendMessage(sender, text);
  const { line: back, welcome } = await world.join(world.bob, conversation, { last: 3 });
  const said = await world.sendMessage(sender, "5");
  await back.until(() => back.of("message").length > 0, "fifth message");
  await back.flushed();
  const at = back.frames.findIndex(({ type }) => type === "welcome");
  assertEqual(
    "the frames from the welcome on",
    back.frames.slice(at, at + 2).map(({ type }) => type),
    ["welcome", "history"],
  );
  const [history] = back.of("history");
  assertEqual(
    "what was shown",
    history?.messages.map(({ seq }) => seq),
    [2, 3, 4],
  );
  assertEqual("`more`", history?.more, true);
  assertEqual("`quota` of what is free", history?.quota, undefined);
  assertEqual("`welcome.seq`", welcome.seq, 4);
  assertEqual("what came as `message`", seqs(back), [said.seq]);
  const { welcome: again } = await world.join(world.bob, conversation, { last: 3 });
  assertEqual("requests left after looking in twice", again.quota?.remaining, welcome.quota?.remaining);
}

async function skipsOldest(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line: sender, welcome: first } = await world.join(world.ann, conversation);
  for (const text of ["1", "2", "3", "4", "5"]) await world.sendMessage(sender, text);
  const query = { after: 1, epoch: first.epoch, last: 2 };
  const { line: back, welcome } = await world.join(world.bob, conversation, query);
  await back.flushed();
  assertEqual("`resumed`", welcome.resumed, true);
  assertEqual("`skipped`", welcome.skipped, { first: 2, last: 3 });
  // In which order is another rule.
  assertEqual("what came as `message`", seqs(back).toSorted(), [4, 5]);
  assertEqual("`history` frames", back.of("history").length, 0);
}

async function refusesWrongLast(world: TestContext): Promise<void> {
  for (const last of ["51", "-1", "x"]) {
    const line = world.open(world.path(world.ann, world.conversation(), { last }));
    await line.until(() => line.close !== undefined, "close");
    assertEqual(`close code for \`last=${last}\``, line.close?.code, 4400);
    assertEqual("the error", line.of("error")[0]?.code, "bad_address");
  }
}

async function resumes(world: TestContext): Promise<void> {
  const conversation = world.conversation();
  const { line: sender } = await world.join(world.ann, conversation);
  const { line: reader, welcome: first } = await world.join(world.bob, conversation);
  await world.sendMessage(sender, "1");
  await reader.next("message");
  await reader.disconnect();
  for (const text of ["2", "3", "4"]) await world.sendMessage(sender, text);
  const query = { after: 1, epoch: first.epoch };
  const back = world.open(world.path(world.bob, conversation, query));
  // Said while the other one is coming back: it is replayed or live, and must be there once.
  const said = world.sendMessage(sender, "5");
  const welcome = await back.next("welcome");
  await said;
  await world.sendMessage(sender, "6");
  await back.until(() => back.of("message").length >= 5, "sixth message");
  await back.flushed();
  assertEqual("`resumed`", welcome.resumed, true);
  assertEqual("`lost`", welcome.lost, undefined);
  assertEqual("`epoch` on the same server", welcome.epoch, first.epoch);
  assertEqual("what came after the return", seqs(back), [2, 3, 4, 5, 6]);
}

async function refusesToResume(
  world: TestContext,
  ask: (epoch: string) => Record<string, string | number>,
): Promise<void> {
  const conversation = world.conversation();
  const { line, welcome } = await world.join(world.ann, conversation);
  for (const text of ["1", "2"]) await world.sendMessage(line, text);
  const { line: back, welcome: second } = await world.join(world.ann, conversation, ask(welcome.epoch));
  await back.flushed();
  assertEqual("`resumed`", second.resumed, false);
  assertEqual("`epoch`, the server's own", second.epoch, welcome.epoch);
  assertEqual("`seq`", second.seq, 2);
  assertEqual("messages replayed", seqs(back), []);
}

function seqs(line: TestSocket): number[] {
  return line.of("message").map(({ seq }) => seq);
}
