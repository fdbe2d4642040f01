import { describe, expect, test } from "bun:test";
import { REPLY_TIMEOUT_MS, SEND_BURST, SEND_RATE } from "../../../src/client/options.ts";
import { createRequests, type Requests } from "../../../src/client/requests/requests.ts";
import { ParleyError } from "../../../src/client/types/error.ts";
import type { SentFrame } from "../../../src/client/types/frames.ts";
import type { PendingMessage } from "../../../src/client/types/options.ts";
import { ManualTiming } from "../../support/time/manual-timing.ts";

/** Requests on a line that a test controls. */
function setUp(limits: { pending?: number; sendRate?: number } = {}) {
  const timing = new ManualTiming();
  const sent: string[] = [];
  const failures: string[] = [];
  const state = { isReady: true, uses: 0, held: "" };
  const requests: Requests = createRequests(limits, timing, {
    isReady: () => state.isReady,
    isHeld: (conversation) => conversation === state.held,
    epoch: () => "e",
    refusal: () => undefined,
    use: () => state.uses++,
    send: ({ type, conversation = "", id, seq }: SentFrame) =>
      void sent.push([type, conversation, id ?? seq].join(" ").replace("message ", "")),
    fail: (reason) => failures.push(reason),
    onChange() {},
    onSettled() {},
  });
  const send = (conversation: string, id: string, fields: object = {}) => {
    const sending = requests.request({ type: "message", conversation, id, text: id, ...fields });
    sending.catch(() => {});
    return sending;
  };
  return { timing, requests, send, sent, failures, state };
}

describe("outboxes", () => {
  test("D2 one message of a conversation is in flight; conversations do not wait for each other", () => {
    const { requests, send, sent } = setUp();
    send("a", "1");
    send("a", "2");
    send("b", "1");
    expect(sent).toEqual(["a 1", "b 1"]);
    requests.settle("a", "1", { seq: 1 });
    requests.flush();
    expect(sent).toEqual(["a 1", "b 1", "a 2"]);
  });

  test("the rate of the socket is shared by turns", () => {
    const { timing, requests, send, sent } = setUp();
    for (let number = 0; number < SEND_BURST; number++) send(`burst${number}`, "1");
    sent.length = 0;
    for (const id of ["1", "2", "3"]) for (const name of ["a", "b", "c"]) send(name, id);
    for (let number = 0; number < 6; number++) {
      timing.advance(1000 / SEND_RATE);
      const [conversation, id] = sent.at(-1)!.split(" ");
      requests.settle(conversation, id, { seq: 1 });
      requests.flush();
    }
    expect(sent.slice(0, 6)).toEqual(["a 1", "b 1", "c 1", "a 2", "b 2", "c 2"]);
  });

  test.each(["rate_limited", "unavailable"])("%s stops all outboxes; history, too, but no ping", (code) => {
    const { timing, requests, send, sent } = setUp();
    send("a", "1");
    expect(requests.onError({ code, message: "", conversation: "a", id: "1", retry_after: 2 })).toBe(true);
    send("b", "1");
    void requests.request({ type: "history", conversation: "b", id: "h" });
    void requests.request({ type: "ping", id: "p" });
    expect(sent).toEqual(["a 1", "ping  p"]);
    requests.settle(undefined, "p", {});
    timing.advance(1_999);
    expect(sent).toHaveLength(2);
    timing.advance(1);
    expect(sent.slice(2).sort()).toEqual(["a 1", "b 1", "history b h"]);
  });

  test("N4 `busy` makes its own conversation wait, and no other", () => {
    const { timing, requests, send, sent } = setUp();
    send("a", "1");
    requests.onError({ code: "busy", message: "", conversation: "a", id: "1", retry_after: 2 });
    send("b", "1");
    expect(sent).toEqual(["a 1", "b 1"]);
    timing.advance(2_000);
    expect(sent).toEqual(["a 1", "b 1", "a 1"]);
  });

  test.each(["muted", "rejected", "forbidden"])(
    "%s fails one message, and holds up nothing",
    async (code) => {
      const { requests, send, sent } = setUp();
      const refused = send("a", "1");
      send("a", "2");
      requests.onError({ code, message: "No.", conversation: "a", id: "1", until: 7 });
      requests.flush();
      expect(await refused.catch((error) => error)).toMatchObject({ code, until: 7, conversation: "a" });
      expect(sent).toEqual(["a 1", "a 2"]);
    },
  );

  test("an error about another conversation, or without a request, is not taken for a request's", () => {
    const { requests, send } = setUp();
    send("a", "1");
    expect(requests.onError({ code: "forbidden", message: "", conversation: "b", id: "1" })).toBe(false);
    expect(requests.onError({ code: "invalid", message: "" })).toBe(false);
  });

  test("a reply to an own message waits for its ack, and then names its `seq`", () => {
    const { requests, send } = setUp();
    send("a", "1");
    send("a", "2", { reply_to: "1" });
    const named = () => requests.pending("a").map((one) => (one as PendingMessage).reply_to);
    expect(named()).toEqual([undefined, "1"] as never);
    requests.settle("a", "1", { seq: 9 });
    expect(named()).toEqual([9]);
    // Also one that is made after the ack, from an entry that has no `seq` yet.
    send("a", "3", { reply_to: "1" });
    expect(named()).toEqual([9, 9]);
  });
});

describe("changes", () => {
  const change = (requests: Requests, id: string, seq: unknown) => {
    const sending = requests.request({ type: "react", conversation: "a", id, seq, reaction: "x", on: true });
    sending.catch(() => {});
    return sending;
  };

  test("CH1 one of a message that is not acked waits for its ack, and then names its `seq` and epoch", () => {
    const { requests, send, sent } = setUp();
    send("a", "1");
    change(requests, "c", "1");
    requests.flush();
    expect(sent).toEqual(["a 1"]);
    requests.settle("a", "1", { seq: 9 });
    requests.flush();
    expect(sent).toEqual(["a 1", "react a c"]);
    expect(requests.pending("a")).toEqual([
      { type: "react", id: "c", seq: 9, epoch: "e", reaction: "x", on: true },
    ]);
  });

  test("one of a message that is refused fails with it; one of a message that is not known is `not_found`", async () => {
    const { requests, send, sent } = setUp();
    send("a", "1");
    const refused = change(requests, "c", "1");
    requests.onError({ code: "muted", message: "", conversation: "a", id: "1" });
    expect(await refused.catch((error) => error)).toMatchObject({ code: "muted" });
    const lost = change(requests, "d", "other");
    expect(await lost.catch((error) => error)).toMatchObject({ code: "not_found" });
    expect(sent).toEqual(["a 1"]);
  });

  test.each(["muted", "conflict", "erased", "too_late"])(
    "CH4 %s fails one change, and holds up nothing",
    async (code) => {
      const { requests, send, sent } = setUp();
      const refused = change(requests, "c", 4);
      send("a", "1");
      requests.onError({ code, message: "", conversation: "a", id: "c", rev: 3 });
      requests.flush();
      expect(await refused.catch((error) => error)).toMatchObject({ code, rev: 3 });
      expect(sent).toEqual(["react a c", "a 1"]);
    },
  );
});

describe("the line", () => {
  test("D3 what is in flight when it breaks is sent again, first", () => {
    const { requests, send, sent, state } = setUp();
    send("a", "1");
    send("a", "2");
    state.isReady = false;
    requests.onDown();
    requests.flush();
    expect(state.uses).toBeGreaterThan(0);
    state.isReady = true;
    requests.flush();
    expect(sent).toEqual(["a 1", "a 1"]);
  });

  test("a request without a reply ends it; while missed messages come, no reply is late", () => {
    const { timing, requests, send, failures } = setUp();
    send("a", "1");
    timing.advance(REPLY_TIMEOUT_MS - 1);
    requests.wait();
    timing.advance(REPLY_TIMEOUT_MS - 1);
    expect(failures).toEqual([]);
    timing.advance(REPLY_TIMEOUT_MS);
    expect(failures[0]).toBe("no reply");
  });

  test("messages of the storage go first: those of this run wait until it was read", () => {
    const { requests, send, sent, state } = setUp();
    state.held = "a";
    send("a", "new");
    send("b", "1");
    expect(sent).toEqual(["b 1"]);
    requests.restore("a", [{ id: "old", text: "" }]);
    state.held = "";
    requests.flush();
    expect(sent).toEqual(["b 1", "a old"]);
  });

  test("read marks move forward only, and are sent again after a cut; they open no idle line again", () => {
    const { requests, sent, state } = setUp();
    for (const seq of [3, 2, 5]) requests.mark("a", seq);
    expect(sent).toEqual(["read a 3", "read a 5"]);
    state.isReady = false;
    requests.onDown();
    state.uses = 0;
    requests.flush();
    expect(state.uses).toBe(0);
    state.isReady = true;
    requests.flush();
    expect(sent.at(-1)).toBe("read a 5");
  });

  test("a close rejects all, and keeps messages where there is a storage", async () => {
    const { requests, send } = setUp();
    const sending = send("a", "1");
    requests.close(new ParleyError("closed", "Closed."), true);
    expect(await sending.catch((error) => error.code)).toBe("closed");
    expect(requests.pending("a")).toEqual([{ id: "1", text: "1" }]);
    requests.close(new ParleyError("removed", "Removed."), false, "a");
    expect(requests.pending("a")).toEqual([]);
  });
});
