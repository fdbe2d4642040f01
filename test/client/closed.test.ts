// The server closes a conversation on the socket of a user and drops the answers of what was asked before (MX3): the library asks again.
import { expect, test } from "bun:test";
import { connect, startStream } from "../../src/client/index.ts";
import type { ServerFrame } from "../../src/protocol/server-frames.ts";
import { startFaultyProxy } from "../conformance/faulty-proxy.ts";
import { keepOpen, reaches } from "../support/clients/library.ts";
import { startTestServer } from "../support/server/test-server.ts";

/** Puts `closed` in the place of the first answer to each of these requests, as a server does where the line is too slow. */
function closingInstead(...ids: string[]) {
  return (frames: readonly ServerFrame[]) =>
    frames.map((frame) => {
      const index = "id" in frame && frame.type !== "opened" ? ids.indexOf(frame.id ?? "") : -1;
      if (index < 0 || !("conversation" in frame) || (frame.type !== "ack" && frame.type !== "history"))
        return frame;
      ids.splice(index, 1);
      const { conversation } = frame;
      return { type: "closed", conversation, code: "behind", message: "Too slow.", retry_after: 0 };
    });
}

test("D3 MX3 what a `closed` left unanswered is sent again at once, on the same line", async () => {
  await using server = await startTestServer();
  await using proxy = await startFaultyProxy(server.port, { frames: closingInstead("lost", "streamed") });
  const welcomes: string[] = [];
  const sent: string[] = [];
  const parley = connect({
    url: proxy.url,
    token: await server.token("ann"),
    trace(direction, text) {
      const frame = JSON.parse(text);
      if (frame.type === "welcome") welcomes.push(frame.connection);
      if (direction === "sent" && frame.type === "message") sent.push(frame.id);
    },
  });
  const [lobby, other] = [parley.conversation("lobby"), parley.conversation("other")];
  for (const each of [lobby, other]) {
    keepOpen(each);
    await reaches(each, "live");
  }
  const first = lobby.send("one", { id: "lost" });
  const second = lobby.send("two", { id: "next" });
  expect(await first).toMatchObject({ seq: 1, duplicate: true });
  expect(await second).toMatchObject({ seq: 2 });
  expect(await other.send("elsewhere", { id: "there" })).toMatchObject({ seq: 1 });
  const stream = startStream(lobby, { id: "streamed" });
  await stream.write("a text");
  expect(await stream.end()).toMatchObject({ seq: 3 });
  await reaches(lobby, "live");
  expect(sent.filter((id) => id === "lost")).toHaveLength(2);
  expect(sent.filter((id) => id !== "lost")).toEqual(["next", "there"]);
  expect(welcomes).toHaveLength(1);
  await parley.close();
});
