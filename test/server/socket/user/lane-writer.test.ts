import { expect, test } from "bun:test";
import type { Socket } from "../../../../src/server/socket/connection-deps.ts";
import { LaneWriter, MAX_AHEAD_BYTES } from "../../../../src/server/socket/user/lane-writer.ts";

/** A socket whose line takes nothing until the test says so. */
function stuckSocket() {
  const sent: string[] = [];
  let buffered = 0;
  const socket: Pick<Socket, "sendText" | "cork" | "getBufferedAmount"> = {
    sendText(text) {
      sent.push(String(text));
      buffered += String(text).length;
      return -1;
    },
    cork: (send) => send(socket as never),
    getBufferedAmount: () => buffered,
  };
  return {
    sent,
    socket: socket as Socket,
    get buffered() {
      return buffered;
    },
    drain() {
      buffered = 0;
    },
  };
}

test("MX4 at most 64 KiB are given to the runtime ahead of the line, and a longer frame alone", () => {
  const line = stuckSocket();
  const writer = new LaneWriter(() => {});
  for (let i = 0; i < 20; i++) writer.add("a", "x".repeat(10_000), false);
  writer.add("a", "y".repeat(100_000), false);
  writer.write(line.socket);
  expect(line.buffered).toBeLessThanOrEqual(MAX_AHEAD_BYTES);
  expect(line.sent).toHaveLength(6);
  for (let writes = 0; !writer.isEmpty && writes < 10; writes++) {
    line.drain();
    writer.write(line.socket);
    expect(line.buffered).toBeLessThanOrEqual(Math.max(MAX_AHEAD_BYTES, 100_000));
  }
  expect(line.sent.map((text) => text.length)).toEqual([
    ...Array.from({ length: 20 }, () => 10_000),
    100_000,
  ]);
});

test("MX2 all that wait for the pages of a conversation go on when the last one has left, or is dropped", async () => {
  const line = stuckSocket();
  const left: string[] = [];
  const writer = new LaneWriter((lane) => left.push(lane));
  const settled: string[] = [];
  for (const lane of ["a", "b"]) {
    for (let i = 0; i < 10; i++) writer.add(lane, "x".repeat(10_000), true);
    for (const name of ["first", "second"]) writer.drained(lane).then(() => settled.push(`${lane} ${name}`));
  }
  await writer.drained("none");
  writer.write(line.socket);
  writer.drop("a");
  await Promise.resolve();
  expect(settled).toEqual(["a first", "a second"]);
  for (let writes = 0; !writer.isEmpty && writes < 10; writes++) {
    line.drain();
    writer.write(line.socket);
  }
  await Promise.resolve();
  expect(settled).toEqual(["a first", "a second", "b first", "b second"]);
  expect(left).toEqual(["a", "b"]);
});
