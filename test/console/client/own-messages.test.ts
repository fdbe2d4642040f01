import { describe, expect, test } from "bun:test";
import { ack, ended, live, open, quota, run, T0, waiting } from "./client-events.ts";

describe("own messages", () => {
  const said = run(open({ seq: 0 }), [{ type: "send", id: "m1", text: "hi", at: T0 }]);

  test("D2 a message is pending until the server has confirmed it", () => {
    expect(said.effects).toEqual([
      { type: "typing", active: false },
      { type: "send", id: "m1", text: "hi" },
    ]);
    expect(said.state.transcript.outbox).toMatchObject([{ kind: "pending", id: "m1" }]);
    const { transcript } = run(said.state, [ack("m1", 1)]).state;
    expect(transcript.outbox).toEqual([]);
    expect(transcript.stored).toMatchObject([{ seq: 1, text: "hi", from: "user1" }]);
  });

  test("D3 message and ack of the same text make one row, in either order", () => {
    for (const events of [
      [live(1, "user1", "hi", "m1"), ack("m1", 1)],
      [ack("m1", 1), live(1, "user1", "hi", "m1")],
    ]) {
      const { transcript } = run(said.state, events).state;
      expect(transcript.outbox).toEqual([]);
      expect(transcript.stored).toHaveLength(1);
    }
  });

  test("another user's message with the same id does not confirm ours", () => {
    const { transcript } = run(said.state, [live(1, "user2", "other", "m1")]).state;
    expect(transcript.outbox).toMatchObject([{ id: "m1", kind: "pending" }]);
  });

  test("a refused message shows the reason, and is sent again under the same id", () => {
    const refusal = { code: "too_large", message: "Too long." };
    const refused = run(said.state, [{ type: "refused", id: "m1", refusal }]).state;
    expect(refused.transcript.outbox).toMatchObject([
      { kind: "failed", problem: expect.stringContaining("Too long.") },
    ]);
    const again = run(refused, [{ type: "resend", id: "m1", at: T0 }]);
    expect(again.effects).toContainEqual({ type: "send", id: "m1", text: "hi" });
    expect(again.state.transcript.outbox).toMatchObject([{ kind: "pending", id: "m1" }]);
  });

  test("Q4 over quota it stays pending with the time; the next ack ends that", () => {
    const limited = run(said.state, [quota({ remaining: 0, retry_after: 12.5 })]).state;
    expect(limited.limitedUntil).toBe(T0 + 12_500);
    expect(limited.transcript.outbox).toMatchObject([{ kind: "pending" }]);
    expect(run(limited, [quota({ remaining: 1 })]).state.limitedUntil).toBeUndefined();
  });

  test("D3 a message written or waiting while the connection is cut stays pending", () => {
    const cut = run(said.state, [waiting(), { type: "send", id: "m2", text: "ho", at: T0 }]);
    expect(cut.state.transcript.outbox).toMatchObject([
      { id: "m1", kind: "pending" },
      { id: "m2", kind: "pending" },
    ]);
    expect(cut.effects).toContainEqual({ type: "send", id: "m2", text: "ho" });
  });

  test("a waiting message can be taken back; if it had arrived after all, it is shown as stored", () => {
    const back = run(said.state, [{ type: "cancel_send", id: "m1" }]);
    expect(back.effects).toEqual([{ type: "cancel_send", id: "m1" }]);
    expect(back.state.transcript.outbox).toMatchObject([{ kind: "failed" }]);
    expect(run(back.state, [live(1, "user1", "hi", "m1")]).state.transcript.outbox).toEqual([]);
  });

  test("a final close gives up waiting messages; a close for inactivity does not, as the library keeps them", () => {
    expect(run(said.state, [ended(4403)]).state.transcript.outbox).toMatchObject([{ kind: "failed" }]);
    expect(run(said.state, [ended(4408)]).state.transcript.outbox).toMatchObject([{ kind: "pending" }]);
  });
});
