import { expect, test } from "bun:test";
import { openChatSession } from "../../../src/cli/chat/session.ts";
import { loadTarget } from "../../../src/cli/server/target.ts";
import { connect } from "../../../src/client/connect.ts";
import { startTestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

test("D3 an ack that got lost is wondered about once, and after a cut the message is stored once", async () => {
  await using server = await startTestServer({ env: { TEST_FAULTS: "true" } });
  const token = await server.token("ann");
  const parley = connect({ url: server.url, token });
  const notes: string[] = [];
  const acks: number[] = [];
  const talk = openChatSession({
    parley,
    target: loadTarget({ url: server.url }, { HOME: "/nowhere" }),
    credential: { user: "ann", source: token, token: async () => token },
    conversation: "lobby",
    emit: (told) => told.type === "ack" && acks.push(told.seq),
    note: (...lines) => notes.push(...lines),
    ackNoticeMs: 50,
  });
  await waitUntil("ann is in", () => talk.conversation.status.state === "live");
  await talk.execute({ kind: "fault", fault: { do: "lose", next: "ack", count: 1 } });
  const said = talk.send("one");
  await waitUntil("it is wondered about", () => notes.length > 0);
  expect(notes).toEqual([expect.stringMatching(/^no ack yet of what you said; if the connection breaks/)]);
  await talk.execute({ kind: "fault", fault: { do: "cut" } });
  await waitUntil("the cut is seen", () => talk.conversation.status.state === "waiting");
  await talk.execute({ kind: "reconnect" });
  expect(await said).toBe(true);
  expect([acks, talk.conversation.welcome?.seq, notes.length]).toEqual([[1], 1, 1]);
  await parley.close();
});
