import { describe, expect, test } from "bun:test";
import type { ChangedEntry } from "../../../src/core/changes/fold.ts";
import { type Entry, encodeFrame } from "../../../src/core/conversation/entry.ts";
import type { StoredChange } from "../../../src/core/ports/conversation/changes.ts";
import { readFolds } from "../../../src/server/changes/folds.ts";
import { Room } from "../../../src/server/socket/conversation/room.ts";
import type { RoomMember } from "../../../src/server/socket/conversation/room-member.ts";

/** A member that records what it gets: a message as `m1`, a change as `c1`. */
class Recorder implements RoomMember {
  readonly manages = false;
  readonly hasBacklog = false;
  readonly canSubscribe = false;
  readonly readsStreams = false;
  readonly canTakeStreams = false;
  readonly frames: string[] = [];

  constructor(
    readonly user: string,
    readonly isNamed = false,
  ) {}

  get seen(): string {
    return this.frames.map(nameOf).join(" ");
  }

  deliver(frame: string): void {
    expect(JSON.parse(frame).conversation).toBe(this.isNamed ? "lobby" : undefined);
    this.frames.push(frame);
  }

  feed(frames: readonly string[]): void {
    this.frames.push(...frames);
  }

  standingChanged(): void {}
  keepAwake(): void {}
  subscribe(): void {}
  unsubscribe(): void {}
  checkBackpressure(): void {}
  end(): void {}
}

function nameOf(frame: string): string {
  const { type, seq, rev } = JSON.parse(frame);
  return type === "message" ? `m${seq}` : `c${rev}`;
}

function openRoom(): Room {
  return new Room("lobby", Promise.resolve(), 0, () => {});
}

function entryOf(seq: number, text: string, more = ""): Entry {
  const body = `"text":${JSON.stringify(text)}${more}`;
  return { kind: "message", seq, id: `m${seq}`, from: "anna", at: 1, body };
}

function post(room: Room, seq: number): void {
  room.publishMessage(seq, "anna", encodeFrame(entryOf(seq, `text ${seq}`)), 0);
}

function edit(room: Room, rev: number, seq: number, fields: Partial<StoredChange> = {}): void {
  const entry = entryOf(seq, `edit ${rev}`, `,"rev":${rev}`);
  const set = `{"text":"edit ${rev}"}`;
  const change = { conversation: "lobby", epoch: "e.0", rev, seq, kind: "edit", by: "anna", at: 2 } as const;
  room.publishChange({ ...change, set, entry, ...fields }, 0);
}

describe("the changes of a room", () => {
  test("CH1 messages and changes reach every live member in one order", () => {
    const room = openRoom();
    const members = [new Recorder("ben"), new Recorder("carl", true)];
    for (const member of members) room.goLive(member, room);
    post(room, 1);
    edit(room, 1, 1);
    post(room, 2);
    edit(room, 2, 1);
    for (const member of members) expect(member.seen).toBe("m1 c1 m2 c2");
  });

  test("CH1 a member that becomes live gets the changes since, and missed messages as they are now", () => {
    const room = openRoom();
    room.goLive(new Recorder("ben"), room);
    post(room, 1);
    post(room, 2);
    const member = new Recorder("carl");
    room.addBehind(member);
    const place = { seq: 1, rev: room.rev };
    edit(room, 1, 1);
    edit(room, 2, 2);
    expect(member.frames).toEqual([]);
    const { changes, messages } = room.goLive(member, place)!;
    expect(changes.map(nameOf)).toEqual(["c1", "c2"]);
    expect(messages.map((frame) => JSON.parse(frame))).toEqual([
      { type: "message", seq: 2, id: "m2", from: "anna", text: "edit 2", rev: 2, at: 1 },
    ]);
    post(room, 3);
    expect(member.seen).toBe("m3");
  });

  test("CH1 a member that lacks more changes than are kept must read them from the store", () => {
    const room = openRoom();
    post(room, 1);
    for (let rev = 1; rev <= 70; rev++) edit(room, rev, 1);
    const member = new Recorder("carl");
    expect(room.goLive(member, { seq: 1, rev: 5 })).toBeUndefined();
    expect(room.goLive(member, { seq: 1, rev: 6 })!.changes.map(nameOf)).toHaveLength(64);
  });

  test("CH1 own reactions to missed messages must be read first, and again when the user reacted since", () => {
    const room = openRoom();
    post(room, 1);
    const reactions = ',"rev":1,"reactions":{"👍":{"count":1,"users":["carl"]}}';
    const reaction = { kind: "react", set: "{}", entry: entryOf(1, "text 1", reactions) } as const;
    edit(room, 1, 1, { ...reaction, by: "carl" });
    const member = new Recorder("carl");
    const place = { seq: 0, rev: 0 };
    expect(room.goLive(member, place)).toBeUndefined();
    const own = new Map([[1, ["👍"]]]);
    expect(room.goLive(member, place, { rev: 0, own })).toBeUndefined();
    const { messages } = room.goLive(member, place, { rev: 1, own })!;
    expect(messages.map((frame) => JSON.parse(frame).mine)).toEqual([["👍"]]);
  });

  test("CH3 the replay buffer holds nothing of what was erased or edited away", () => {
    const room = openRoom();
    post(room, 1);
    edit(room, 1, 1, { kind: "erase", entry: entryOf(1, "", ',"rev":1,"erased":{"by":"anna","at":2}') });
    expect(room.framesAfter(0)!.join()).not.toContain("text 1");
  });

  test("CH5 a room in which nothing was changed keeps nothing of changes", () => {
    const room = openRoom();
    expect(room.hasPending).toBe(false);
    expect(room.changesAfter(0)).toEqual([]);
    edit(room, 1, 1);
    expect(room.hasPending).toBe(true);
    room.forget(60_000);
    expect(room.hasPending).toBe(false);
    expect(room.changesAfter(0)).toBeUndefined();
    expect(room.changesAfter(1)).toEqual([]);
  });

  test("CH1 a new epoch begins the numbers of changes again", () => {
    const room = openRoom();
    edit(room, 1, 1);
    room.restart(0, "e.1");
    expect(room.rev).toBe(0);
    expect(room.changesAfter(0)).toEqual([]);
  });
});

describe("folds", () => {
  const plan = { after: 0, first: 1, last: 9, count: 1000 };
  const store = (changed: readonly ChangedEntry[], tooMany = false) => ({
    missed: async () => ({ changed, tooMany }),
  });
  const changed = (seq: number, text: string): ChangedEntry => ({
    ...{ entry: entryOf(seq, text, `,"rev":${seq}`), rev: seq, changedAt: 2 },
  });

  test("CH2 each changed message comes as it is now, with the user's own reactions", async () => {
    const folds = await readFolds(
      store([{ ...changed(1, "a"), mine: ["👍"] }, changed(2, "b")]),
      "lobby",
      plan,
      "ben",
    );
    expect(folds!.frames.map((frame) => JSON.parse(frame))).toEqual([
      { type: "change", rev: 1, seq: 1, kind: "fold", at: 2, set: { text: "a" }, mine: ["👍"] },
      { type: "change", rev: 2, seq: 2, kind: "fold", at: 2, set: { text: "b" }, mine: [] },
    ]);
  });

  test("CH2 too many folds, or too long ones, are not sent", async () => {
    const long = Array.from({ length: 20 }, (_, index) => changed(index + 1, "x".repeat(60_000)));
    for (const one of [store(long), store([], true)])
      expect(await readFolds(one, "lobby", plan, "ben")).toEqual({ frames: [], revs: [], tooMany: true });
  });
});
