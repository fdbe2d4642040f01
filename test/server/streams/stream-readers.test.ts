import { expect, test } from "bun:test";
import type {
  DraftText,
  StreamAppendEvent,
  StreamEvent,
  StreamListener,
} from "../../../src/core/ports/conversation/streams.ts";
import type { Publish } from "../../../src/server/socket/conversation/broadcast.ts";
import { Room } from "../../../src/server/socket/conversation/room.ts";
import type { RoomMember } from "../../../src/server/socket/conversation/room-member.ts";
import { StreamReaders } from "../../../src/server/streams/stream-readers.ts";
import { Random, seeds } from "../../support/random.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const STREAM = "aaaaaaaaaaaa";

/**
 * A reader that checks every frame as a client does (ST1), with a line that takes frames at times only. In a text that has commas,
 * each append ends with one.
 */
class Reader implements RoomMember {
  readonly manages = false;
  readonly hasBacklog = false;
  readonly canSubscribe = true;
  readonly readsStreams = true;
  canTakeStreams = true;
  /** The text that it has; undefined before the first snapshot. */
  text: string | undefined;
  n = 0;
  frames = 0;

  constructor(
    readonly user: string,
    readonly isNamed: boolean,
  ) {}

  deliver(frame: string): void {
    const { after, n, text, conversation } = JSON.parse(frame);
    expect(this.text).toBeDefined();
    expect(after).toBe(this.n);
    expect(conversation).toBe(this.isNamed ? "lobby" : undefined);
    expectAppends(text, n - after);
    this.n = n;
    this.text += text;
    this.frames++;
  }

  feed(frames: readonly string[]): void {
    for (const frame of frames) {
      const { type, n, text } = JSON.parse(frame);
      expect(type).toBe("stream");
      expectAppends(text, n);
      this.n = n;
      this.text = text;
      this.frames++;
    }
  }

  standingChanged(): void {}
  keepAwake(): void {}
  subscribe(): void {}
  unsubscribe(): void {}
  checkBackpressure(): void {}
  end(): void {}
}

function expectAppends(text: string, count: number): void {
  if (text.includes(",")) expect({ text, count: text.split(",").length - 1 }).toEqual({ text, count });
}

/** A store and a relay that lose and delay, for one draft. */
class Store {
  listener: StreamListener = () => {};
  /** What is stored. */
  stored: DraftText | undefined;

  drafts = async (): Promise<DraftText[]> => (this.stored === undefined ? [] : [this.stored]);

  watch = (listener: StreamListener): (() => void) => {
    this.listener = listener;
    return () => {};
  };

  announce(event: StreamEvent): void {
    this.listener(event);
  }
}

function draft(fields: Partial<DraftText> = {}): DraftText {
  return {
    ...{ conversation: "lobby", stream: STREAM, id: "a1", from: "anna" },
    ...{ generation: 1, n: 0, text: "", at: 1 },
    ...fields,
  };
}

function setUp() {
  const clock = new ManualClock();
  const store = new Store();
  const publish: Publish = () => {};
  const room = new Room("lobby", Promise.resolve(), 0, publish);
  const readers = new StreamReaders({
    streams: store,
    clock,
    find: (conversation) => (conversation === "lobby" ? room : undefined),
    onError: (error) => {
      throw error;
    },
  });
  const join = async (reader: Reader) => {
    await readers.load("lobby");
    room.goLive(reader, room);
    readers.entered("lobby", reader);
    readers.serve("lobby", reader);
    return reader;
  };
  return { clock, store, room, readers, join };
}

test("ST1 ST5 a reader gets a snapshot and then appends, at most 25 frames a second", async () => {
  const { clock, store, join } = setUp();
  const anna = await join(new Reader("anna", false));
  store.announce({ type: "draft", conversation: "lobby", draft: draft() });
  expect(anna).toMatchObject({ n: 0, text: "" });
  for (let n = 1; n <= 1000; n++) {
    store.announce(append(n, n - 1, `${n} `));
    clock.advance(1);
  }
  clock.advance(40);
  expect(anna.n).toBe(1000);
  expect(anna.frames).toBeLessThanOrEqual(1 + 26);
});

test("ST5 a reader that does not keep up gets fewer and longer frames", async () => {
  const { clock, store, join } = setUp();
  const slow = await join(new Reader("anna", true));
  store.announce({ type: "draft", conversation: "lobby", draft: draft() });
  slow.canTakeStreams = false;
  for (let n = 1; n <= 100; n++) {
    store.announce(append(n, n - 1, "x"));
    clock.advance(40);
  }
  expect(slow.frames).toBe(1);
  slow.canTakeStreams = true;
  clock.advance(40);
  expect(slow).toMatchObject({ frames: 2, n: 100, text: "x".repeat(100) });
});

test("ST5 nothing is kept or done of a draft that nobody here reads, and a reader that comes gets it from the store", async () => {
  const { clock, store, room, readers, join } = setUp();
  store.stored = draft({ n: 1, text: "one " });
  store.announce({ type: "draft", conversation: "lobby", draft: store.stored });
  store.announce(append(2, 1, "two "));
  expect(room.drafts).toBeUndefined();
  const anna = await join(new Reader("anna", false));
  expect(anna).toMatchObject({ n: 1, text: "one " });
  room.remove(anna);
  clock.advance(40);
  expect(room.drafts).toBeUndefined();
  // What happens between the reading of the store and the entry of the only reader is not lost.
  const ben = new Reader("ben", true);
  await readers.load("lobby");
  store.stored = draft({ n: 3, text: "one two three " });
  store.announce(append(3, 2, "three "));
  room.goLive(ben, room);
  readers.entered("lobby", ben);
  readers.serve("lobby", ben);
  await Bun.sleep(0);
  store.announce(append(4, 3, "four"));
  clock.advance(80);
  expect(ben).toMatchObject({ n: 4, text: "one two three four" });
});

test("ST1 nothing of a stream comes after its message, and an ended one is not shown again", async () => {
  const { clock, store, room, readers, join } = setUp();
  const anna = await join(new Reader("anna", false));
  store.announce({ type: "draft", conversation: "lobby", draft: draft() });
  store.announce(append(1, 0, "hello"));
  const body = `"text":"hello","stream":{"stream":"${STREAM}","state":"done"}`;
  readers.messageSent(room, { kind: "message", seq: 1, id: "a1", from: "anna", at: 2, body });
  store.announce(append(2, 1, " late"));
  store.announce({ type: "draft", conversation: "lobby", draft: draft() });
  clock.advance(1_000);
  expect(anna.frames).toBe(1);
  expect(room.streams).toBeUndefined();
});

test("ST1 a stream whose message came while its drafts were read is not shown after it", async () => {
  const { store, room, readers } = setUp();
  const stale = Promise.withResolvers<DraftText[]>();
  store.drafts = () => stale.promise;
  const anna = new Reader("anna", false);
  room.goLive(anna, room);
  readers.entered("lobby", anna);
  const body = `"text":"hello","stream":{"stream":"${STREAM}","state":"done"}`;
  readers.messageSent(room, { kind: "message", seq: 1, id: "a1", from: "anna", at: 2, body });
  stale.resolve([draft({ n: 1, text: "hello" })]);
  await readers.load("lobby");
  expect([anna.frames, room.streams]).toEqual([0, undefined]);
});

test("ST1 a message whose data looks like the end of a stream ends none", async () => {
  const { clock, store, room, readers, join } = setUp();
  const anna = await join(new Reader("anna", false));
  store.announce({ type: "draft", conversation: "lobby", draft: draft() });
  const body = `"text":"","data":{"a":1,"stream":{"stream":"${STREAM}","state":"done"}}`;
  readers.messageSent(room, { kind: "message", seq: 1, id: "b1", from: "ben", at: 2, body });
  store.announce(append(1, 0, "hello"));
  clock.advance(40);
  expect(anna.text).toBe("hello");
});

test("ST1 between a takeover and the next tick a late reader gets the new text with its own number", async () => {
  const { clock, store, join } = setUp();
  const [anna, slow] = [await join(new Reader("anna", false)), await join(new Reader("slow", false))];
  store.stored = draft({ n: 3, text: "1,2,3," });
  store.announce({ type: "draft", conversation: "lobby", draft: draft() });
  store.announce(append(4, 0, "1,2,3,lost,"));
  slow.canTakeStreams = false;
  clock.advance(40);
  store.announce({ type: "draft", conversation: "lobby", draft: { ...store.stored, generation: 2 } });
  slow.canTakeStreams = true;
  const ben = await join(new Reader("ben", true));
  expect(ben).toMatchObject({ n: 3, text: "1,2,3," });
  clock.advance(40);
  for (const reader of [anna, slow, ben]) expect(reader).toMatchObject({ n: 3, text: "1,2,3," });
});

for (const seed of seeds(1, 2, 3, 4, 5)) {
  test(`ST1 ST2 every reader has the same text, over takeovers, lost appends and slow lines (seed ${seed})`, async () => {
    const random = new Random(seed);
    const { clock, store, join } = setUp();
    const all: Reader[] = [];
    let now = draft();
    store.stored = now;
    store.announce({ type: "draft", conversation: "lobby", draft: now });
    for (let step = 0; step < 400; step++) {
      const choice = random.between(1, 20);
      if (choice <= 12) {
        const text = `${step},`;
        const event = { ...append(now.n + 1, now.n, text), generation: now.generation };
        now = { ...now, n: now.n + 1, text: now.text + text };
        // Now and then the relay loses one.
        if (random.next() > 0.05) store.announce(event);
      } else if (choice === 13) store.stored = now;
      else if (choice === 14 && step % 3 === 0) {
        // Another writer takes the stream over, from what is stored.
        const restart = random.next() < 0.3;
        const base = restart ? { ...store.stored!, n: 0, text: "" } : store.stored!;
        now = { ...base, generation: now.generation + 1 };
        store.stored = now;
        store.announce({ type: "draft", conversation: "lobby", draft: now });
      } else if (choice <= 16 && all.length < 12)
        all.push(await join(new Reader(`user-${all.length}`, random.next() < 0.5)));
      else if (choice === 17 && all.length > 0) random.pick(all).canTakeStreams = random.next() < 0.6;
      else {
        clock.advance(random.between(1, 100));
        await Promise.resolve();
      }
    }
    store.stored = now;
    for (const reader of all) reader.canTakeStreams = true;
    // A last append shows what was lost before it.
    now = { ...now, n: now.n + 1, text: `${now.text}end,` };
    store.announce({ ...append(now.n, now.n - 1, "end,"), generation: now.generation });
    for (let tick = 0; tick < 20; tick++) {
      clock.advance(40);
      await Promise.resolve();
    }
    for (const reader of all)
      expect({ n: reader.n, text: reader.text }).toEqual({ n: now.n, text: now.text });
  });
}

function append(n: number, after: number, text: string): StreamAppendEvent {
  return { type: "append", conversation: "lobby", stream: STREAM, generation: 1, after, n, text };
}
