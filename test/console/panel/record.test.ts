import { describe, expect, test } from "bun:test";
import { createRecorder } from "../../../src/console/panel/record/recorder.ts";
import type { WireEvent } from "../../../src/console/wire/frame.ts";
import type { RecordingEntry } from "../../../src/scenario/format/recording.ts";

/** A page on which events happen one millisecond after each other. */
class Page {
  readonly recorder = createRecorder((client) => this.names[client] ?? client);
  names: Record<string, string> = { c1: "ann", c2: "bob" };
  now = 1000;

  dial(client: string, line: number, path = "/ws/user1/lobby"): this {
    return this.see({ client, socketId: line, direction: "line", type: "dial", text: path });
  }

  close(client: string, line: number, code: number, byUs = false): this {
    return this.see({
      client,
      socketId: line,
      direction: "line",
      type: "close",
      text: "",
      close: { code, reason: "", byUs },
    });
  }

  in(client: string, line: number, frame: object): this {
    return this.see({ client, socketId: line, direction: "in", text: JSON.stringify(frame) });
  }

  out(client: string, line: number, frame: object): this {
    return this.see({ client, socketId: line, direction: "out", text: JSON.stringify(frame) });
  }

  see(seen: Partial<WireEvent> & Pick<WireEvent, "client" | "direction" | "text">): this {
    this.recorder.onWireEvent({ at: this.now++, type: "", bytes: 0, ...seen });
    return this;
  }

  begin(): this {
    this.recorder.begin(this.now, "http://here");
    return this;
  }

  /** The entries so far, each in a few words. */
  entries(): string[] {
    return this.recorder.current()!.entries.map(inShort);
  }
}

function inShort(entry: RecordingEntry): string {
  if (entry.dir === "fault") return `${entry.client} fault ${entry.fault.do}`;
  if (entry.dir === "line" && entry.event === "open")
    return [entry.client, "opens", entry.token, entry.after].filter((part) => part !== undefined).join(" ");
  if (entry.dir === "line") return `${entry.client} close ${entry.code}${entry.by ? ` by ${entry.by}` : ""}`;
  const { type, id, seq } = entry.frame ?? {};
  return [entry.client, entry.dir, type ?? entry.raw ?? entry.bytes, id ?? seq].filter(Boolean).join(" ");
}

const welcome = (seq: number) => ({
  type: "welcome",
  connection: "x",
  seq,
  epoch: "e",
  resumed: true,
  lost: { first: 1, last: 2 },
});

describe("a recording on the page", () => {
  test("opens the existing connections at its start, with the `welcome` that they would get now", () => {
    const page = new Page()
      .dial("c1", 1)
      .in("c1", 1, welcome(41))
      .dial("c2", 2, "/ws/user2/lobby?after=3&epoch=e");
    page.in("c2", 2, welcome(41)).in("c1", 1, { type: "message", id: "m", seq: 42 }).begin();
    expect(page.entries()).toEqual(["ann opens", "ann in welcome 42", "bob opens", "bob in welcome 42"]);
    expect(page.recorder.current()).toMatchObject({
      at: page.now,
      server: "http://here",
      clients: [
        { name: "ann", user: "user1", conversation: "lobby" },
        { name: "bob", user: "user2", conversation: "lobby" },
      ],
      entries: [{ t: 0 }, { frame: { resumed: false } }, {}, {}],
    });
    expect(JSON.stringify(page.recorder.current())).not.toContain("lost");
  });

  test("leaves out replies to what was sent before it began", () => {
    const page = new Page()
      .dial("c1", 1)
      .in("c1", 1, welcome(0))
      .out("c1", 1, { type: "ping", id: "p1" })
      .begin();
    page.in("c1", 1, { type: "pong", id: "p1" }).out("c1", 1, { type: "ping", id: "p2" });
    page.in("c1", 1, { type: "pong", id: "p2" });
    expect(page.entries().slice(2)).toEqual(["ann out ping p2", "ann in pong p2"]);
  });

  test("has raw texts, bytes, closes with the closing side, and reconnects", () => {
    const page = new Page().begin().dial("c1", 1).in("c1", 1, welcome(0));
    page.see({ client: "c1", socketId: 1, direction: "out", text: "{" });
    page.see({ client: "c1", socketId: 1, direction: "out", text: "00 ff", binary: true });
    page.close("c1", 1, 1006).dial("c1", 5, "/ws/user1/lobby?after=2&epoch=e").close("c1", 5, 1000, true);
    page.dial("c1", 9).close("c1", 9, 4400, true);
    expect(page.entries()).toEqual([
      "ann opens",
      "ann in welcome",
      "ann out {",
      "ann out AP8=",
      "ann close 1006",
      "ann opens 2",
      "ann close 1000",
      "ann opens",
      "ann close 4400 by us",
    ]);
  });

  test("has the injected faults, in their place, and none that the server refused", () => {
    const page = new Page().begin().dial("c1", 1).in("c1", 1, welcome(0));
    const ask = (text: string) => page.see({ client: "c1", direction: "fault", type: "asked", text });
    const refuse = () => page.see({ client: "c1", direction: "fault", type: "refused", text: "invalid" });
    ask('{"do":"thaw"}');
    ask('{"do":"freeze","seconds":null}');
    refuse();
    ask('{"do":"expired_token"}');
    refuse();
    ask("not the server's");
    ask('{"do":"cut"}');
    page.close("c1", 1, 1006);
    expect(page.entries()).toEqual([
      "ann opens",
      "ann in welcome",
      "ann fault thaw",
      "ann fault cut",
      "ann close 1006",
    ]);
  });

  test("has a separate handshake as a client of its own, with the kind of token that was refused", () => {
    const page = new Page().begin().dial("c1", 1).in("c1", 1, welcome(0));
    for (const [line, path, code] of [
      [2, "/ws/user1/lobby", "unauthorized"],
      [3, "/ws/user1/lobby", "token_expired"],
      [4, "/ws/other/lobby", "forbidden"],
    ] as const)
      page.dial("c1", line, path).in("c1", line, { type: "error", code }).close("c1", line, 4401);
    const opened = page.entries().filter((entry) => entry.includes("opens"));
    expect(opened).toEqual([
      "ann opens",
      "ann beside opens wrong",
      "ann beside opens expired",
      "ann beside 2 opens foreign",
    ]);
    page.in("c1", 1, { type: "error", code: "forbidden" });
    expect(page.entries()[0]).toBe("ann opens");
  });

  test("distinguishes clients with one name, and one that moves elsewhere", () => {
    const page = new Page();
    page.names = { c1: "same=name", c2: "same=name" };
    page.begin().dial("c1", 1).dial("c2", 2).close("c1", 1, 1000, true).dial("c1", 3, "/ws/user1/other");
    expect(page.recorder.current()!.clients).toEqual([
      { name: "same-name", user: "user1", conversation: "lobby" },
      { name: "same-name 2", user: "user1", conversation: "lobby" },
      { name: "same-name 3", user: "user1", conversation: "other" },
    ]);
  });

  test("ends, and keeps no later events", () => {
    const page = new Page().begin().dial("c1", 1);
    const recording = page.recorder.end()!;
    page.in("c1", 1, welcome(0));
    expect(recording.entries).toHaveLength(1);
    expect(page.recorder.current()).toBeUndefined();
    expect(page.begin().entries()).toEqual(["ann opens", "ann in welcome"]);
  });
});

describe("a socket of a user in a recording", () => {
  const user = { type: "welcome", connection: "x", user: "user1", plan: "free", limits: {}, at: 1 };
  const opened = (conversation: string, seq: number) => ({
    type: "opened",
    conversation,
    id: "o1",
    seq,
    epoch: "e",
    resumed: false,
    access: "anyone",
    present: [],
    present_count: 1,
  });

  test("becomes a socket for each conversation, with the frames that it would have had", () => {
    const page = new Page().begin().dial("c1", 1, "/ws/user1?client=x").in("c1", 1, user);
    page.out("c1", 1, { type: "inbox", id: "i1" }).in("c1", 1, { type: "inbox", id: "i1", items: [] });
    page.out("c1", 1, {
      type: "open",
      id: "o1",
      conversations: [{ conversation: "den", after: 3, epoch: "e" }],
    });
    page.in("c1", 1, opened("den", 5));
    page.in("c1", 1, { type: "history", conversation: "den", messages: [], more: false });
    page.out("c1", 1, { type: "message", conversation: "den", id: "m6", text: "x" });
    page.in("c1", 1, { type: "ack", conversation: "den", id: "m6", seq: 6 });
    page.in("c1", 1, opened("lobby", 0)).out("c1", 1, { type: "ping", id: "p" });
    page.in("c1", 1, { type: "closed", conversation: "den" }).close("c1", 1, 1006);
    expect(page.entries()).toEqual([
      "ann opens 3",
      "ann in welcome 5",
      "ann out message m6",
      "ann in ack m6",
      "ann 2 opens",
      "ann 2 in welcome",
      "ann out ping p",
      "ann close 1000",
      "ann 2 close 1006",
    ]);
    const { clients, entries } = page.recorder.current()!;
    expect(clients.map(({ name, conversation }) => [name, conversation])).toEqual([
      ["ann", "den"],
      ["ann 2", "lobby"],
    ]);
    expect(entries[1]).toMatchObject({
      frame: { type: "welcome", connection: "x", conversation: "den", seq: 5 },
    });
    // The socket that stands for it reads streams, as that of the user does.
    expect(entries[0]).toMatchObject({ event: "open", after: 3, streams: true });
    for (const field of ["access", "id"])
      expect((entries[1] as { frame: object }).frame).not.toHaveProperty(field);
    expect(JSON.stringify(entries.slice(2, 4))).not.toContain("conversation");
  });

  test("D3 a read mark that was sent before its conversation was open is left out for everybody", () => {
    const page = new Page()
      .begin()
      .dial("c1", 1, "/ws/user1")
      .in("c1", 1, user)
      .in("c1", 1, opened("den", 5));
    page.dial("c2", 2, "/ws/user2").in("c2", 2, { ...user, user: "user2" });
    page.out("c2", 2, { type: "read", conversation: "den", seq: 4 }).in("c2", 2, opened("den", 5));
    page.in("c1", 1, { type: "read", conversation: "den", user: "user2", seq: 4 });
    page.out("c2", 2, { type: "read", conversation: "den", seq: 5 });
    page.in("c1", 1, { type: "read", conversation: "den", user: "user2", seq: 5 });
    expect(page.entries().slice(2)).toEqual([
      "bob opens",
      "bob in welcome 5",
      "bob out read 5",
      "ann in read 5",
    ]);
  });
});
