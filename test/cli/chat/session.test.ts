import { expect, test } from "bun:test";
import { openChatSession } from "../../../src/cli/chat/session.ts";
import { loadTarget } from "../../../src/cli/server/target.ts";
import { connect } from "../../../src/client/index.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

test("D3 a missing ack causes one note, and after a cut the message is stored once", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  const token = await server.token("ann");
  const parley = connect({ url: server.url, token });
  const notes: string[] = [];
  const acks: number[] = [];
  const session = openChatSession({
    parley,
    target: loadTarget({ url: server.url }, { HOME: "/nowhere" }),
    credential: { user: "ann", source: token, token: async () => token },
    conversation: "lobby",
    emit: (event) => event.type === "ack" && acks.push(event.seq),
    note: (...lines) => notes.push(...lines),
    ackNoticeMs: 50,
  });
  await waitUntil("ann is connected", () => session.conversation.status.getSnapshot().state === "live");
  await session.execute({ kind: "fault", fault: { do: "lose", next: "ack", count: 1 } });
  const sent = session.send("one");
  await waitUntil("the note is written", () => notes.length > 0);
  expect(notes).toEqual([expect.stringMatching(/^no ack for your message yet; /)]);
  await session.execute({ kind: "fault", fault: { do: "cut" } });
  await waitUntil("the cut is noticed", () => parley.status.getSnapshot().state === "waiting");
  await session.execute({ kind: "reconnect" });
  expect(await sent).toBe(true);
  expect([acks, session.conversation.place?.seq, notes.length]).toEqual([[1], 1, 1]);
  await parley.close();
});
