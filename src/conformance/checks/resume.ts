import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import type { TestSocket } from "../test-socket.ts";
import { assertEqual } from "../verdicts.ts";

/** Rules D4, D5 and MX7: resuming a conversation. */
export const RESUME_CHECKS: readonly Check[] = [
  {
    rule: "D4",
    what: "a client that resumes with `after` receives missed messages, then live ones, without a gap or a repeat",
    run: resumes,
  },
  {
    rule: "D4",
    what: "if no message was missed, none is sent again",
    run: async (context) => {
      const conversation = context.conversation();
      const { socket } = await context.join(context.ann, conversation);
      const { seq } = await context.sendMessage(socket, "seen");
      const { socket: back, welcome } = await context.join(context.ann, conversation, { after: seq });
      await back.flushed();
      assertEqual("`resumed` with `after` alone", welcome.resumed, true);
      assertEqual("messages sent again", seqs(back), []);
    },
  },
  {
    rule: "D5",
    what: "a foreign `epoch`: `resumed` false, nothing is replayed",
    run: async (context) => refusesToResume(context, () => ({ after: 1, epoch: "conformance" })),
  },
  {
    rule: "D5",
    what: "an `after` that is larger than `seq`: `resumed` false",
    run: async (context) => refusesToResume(context, (epoch) => ({ after: 1_000, epoch })),
  },
  {
    rule: "MX7",
    what: "`last` sends the newest messages at once, without charge; new ones follow",
    run: showsNewest,
  },
  {
    rule: "MX7",
    what: "`last` with `after`: no `history`, at most the newest missed messages, and `skipped` names the rest",
    run: skipsOldest,
  },
  {
    rule: "MX7",
    what: "an invalid `last` is `bad_address`, 4400",
    run: refusesWrongLast,
  },
];

async function showsNewest(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: sender } = await context.join(context.ann, conversation);
  for (const text of ["1", "2", "3", "4"]) await context.sendMessage(sender, text);
  const { socket: back, welcome } = await context.join(context.bob, conversation, { last: 3 });
  const ack = await context.sendMessage(sender, "5");
  await back.until(() => back.of("message").length > 0, "fifth message");
  await back.flushed();
  const start = back.frames.findIndex(({ type }) => type === "welcome");
  assertEqual(
    "the frames from the welcome on",
    back.frames.slice(start, start + 2).map(({ type }) => type),
    ["welcome", "history"],
  );
  const [history] = back.of("history");
  assertEqual(
    "the messages in `history`",
    history?.messages.map(({ seq }) => seq),
    [2, 3, 4],
  );
  assertEqual("`more`", history?.more, true);
  assertEqual("`quota` of a free page", history?.quota, undefined);
  assertEqual("`welcome.seq`", welcome.seq, 4);
  assertEqual("messages received live", seqs(back), [ack.seq]);
  const { welcome: again } = await context.join(context.bob, conversation, { last: 3 });
  assertEqual("requests left after connecting twice", again.quota?.remaining, welcome.quota?.remaining);
}

async function skipsOldest(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: sender, welcome: first } = await context.join(context.ann, conversation);
  for (const text of ["1", "2", "3", "4", "5"]) await context.sendMessage(sender, text);
  const query = { after: 1, epoch: first.epoch, last: 2 };
  const { socket: back, welcome } = await context.join(context.bob, conversation, query);
  await back.flushed();
  assertEqual("`resumed`", welcome.resumed, true);
  assertEqual("`skipped`", welcome.skipped, { first: 2, last: 3 });
  // The order is tested by another rule.
  assertEqual("messages received live", seqs(back).toSorted(), [4, 5]);
  assertEqual("`history` frames", back.of("history").length, 0);
}

async function refusesWrongLast(context: TestContext): Promise<void> {
  for (const last of ["51", "-1", "x"]) {
    const socket = context.open(context.path(context.ann, context.conversation(), { last }));
    await socket.until(() => socket.close !== undefined, "close");
    assertEqual(`close code for \`last=${last}\``, socket.close?.code, 4400);
    assertEqual("the error", socket.of("error")[0]?.code, "bad_address");
  }
}

async function resumes(context: TestContext): Promise<void> {
  const conversation = context.conversation();
  const { socket: sender } = await context.join(context.ann, conversation);
  const { socket: reader, welcome: first } = await context.join(context.bob, conversation);
  await context.sendMessage(sender, "1");
  await reader.next("message");
  await reader.disconnect();
  for (const text of ["2", "3", "4"]) await context.sendMessage(sender, text);
  const query = { after: 1, epoch: first.epoch };
  const back = context.open(context.path(context.bob, conversation, query));
  // Sent while the other client is reconnecting: the message is replayed or live, and must arrive once.
  const sending = context.sendMessage(sender, "5");
  const welcome = await back.next("welcome");
  await sending;
  await context.sendMessage(sender, "6");
  await back.until(() => back.of("message").length >= 5, "sixth message");
  await back.flushed();
  assertEqual("`resumed`", welcome.resumed, true);
  assertEqual("`lost`", welcome.lost, undefined);
  assertEqual("`epoch` on the same server", welcome.epoch, first.epoch);
  assertEqual("messages after the resume", seqs(back), [2, 3, 4, 5, 6]);
}

async function refusesToResume(
  context: TestContext,
  queryFor: (epoch: string) => Record<string, string | number>,
): Promise<void> {
  const conversation = context.conversation();
  const { socket, welcome } = await context.join(context.ann, conversation);
  for (const text of ["1", "2"]) await context.sendMessage(socket, text);
  const { socket: back, welcome: second } = await context.join(
    context.ann,
    conversation,
    queryFor(welcome.epoch),
  );
  await back.flushed();
  assertEqual("`resumed`", second.resumed, false);
  assertEqual("`epoch`, the server's own", second.epoch, welcome.epoch);
  assertEqual("`seq`", second.seq, 2);
  assertEqual("messages replayed", seqs(back), []);
}

function seqs(socket: TestSocket): number[] {
  return socket.of("message").map(({ seq }) => seq);
}
