import { expect, test } from "bun:test";
import { REPLY_TIMEOUT_MS } from "../../../../src/client/options.ts";
import type { OutgoingFrame } from "../../../../src/console/client/one/connection.ts";
import { createRequestQueue } from "../../../../src/console/client/one/request-queue.ts";
import { ManualTiming } from "../../../support/time/manual-timing.ts";

/** Requests over an open connection, which records the sent frames. */
function setUp() {
  const timing = new ManualTiming();
  const sent: OutgoingFrame[] = [];
  const givenUp: string[] = [];
  const line = {
    state: () => ({ state: "live", attempt: 0, since: 0 }) as const,
    user: () => "ann",
    dispatch() {},
    send: (frame: OutgoingFrame) => void sent.push(frame),
    fail: (reason: string) => void givenUp.push(reason),
    renewToken() {},
  };
  const requests = createRequestQueue({ url: "ws://here", token: "t" }, timing, line, () => {});
  return { timing, sent, givenUp, requests };
}

test("a read mark of another epoch does not hide one of this epoch", () => {
  const { sent, requests } = setUp();
  requests.setReadMark(700);
  requests.onDisconnect();
  requests.resetReadMark();
  requests.flush();
  requests.setReadMark(2);
  requests.setReadMark(1);
  expect(sent).toEqual([
    { type: "read", seq: 700 },
    { type: "read", seq: 2 },
  ]);
});

test("a reply that waits behind missed messages is not late", () => {
  const { timing, givenUp, requests } = setUp();
  void requests.request({ type: "message", id: "m1", text: "hello" });
  timing.advance(REPLY_TIMEOUT_MS - 1);
  requests.restartTimeout();
  timing.advance(REPLY_TIMEOUT_MS - 1);
  expect(givenUp).toEqual([]);
  timing.advance(1);
  expect(givenUp).toEqual(["no reply"]);
});

test("a page requested to close a gap ends with the connection: the next one requests it again", async () => {
  const { sent, requests } = setUp();
  const asked = requests.requestFirst({ type: "history", id: "h1", after: 3, limit: 200 });
  requests.onDisconnect();
  expect(asked).rejects.toBe("connection lost");
  requests.flush();
  expect(sent).toEqual([{ type: "history", id: "h1", after: 3, limit: 200 }]);
});
