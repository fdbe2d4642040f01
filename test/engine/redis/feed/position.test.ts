import { expect, test } from "bun:test";
import { decodeEntry } from "../../../../src/engine/redis/feed/entries.ts";
import {
  decodePosition,
  encodePosition,
  STREAM_COUNT,
  type StreamPlace,
} from "../../../../src/engine/redis/feed/position.ts";
import { encodePlace } from "../../../../src/engine/sqlite/feed/place.ts";
import { Random } from "../../../support/random.ts";

const EPOCH = "AbC_-1234567";

test("EV1 a position of any places is read as it was written, in at most 1,500 characters", () => {
  const random = new Random(18);
  const upTo = (most: number) => random.between(0, most);
  const ranges = [0, 1, 127, 128, 604_800_000, 2 ** 42, Number.MAX_SAFE_INTEGER - 1];
  for (let round = 0; round < 500; round++) {
    const place = (): StreamPlace | undefined => {
      if (random.next() < 0.2) return undefined;
      const id = `${upTo(random.pick(ranges))}-${upTo(Math.min(2 ** 32, random.pick(ranges)))}`;
      return random.next() < 0.1 ? { id, part: upTo(500) } : { id };
    };
    const position = {
      epoch: EPOCH,
      time: upTo(2 ** 42),
      places: Array.from({ length: STREAM_COUNT }, place),
    };
    const text = encodePosition(position);
    expect(text).toMatch(/^[A-Za-z0-9._-]{1,1500}$/);
    expect(decodePosition(text)).toEqual(position);
  }
  const largest = { id: `${Number.MAX_SAFE_INTEGER - 1}-${2 ** 32}`, part: 2 ** 14 };
  const places = Array.from({ length: STREAM_COUNT }, (_, i) =>
    i === 0 ? largest : { ...largest, id: `0-${2 ** 32}` },
  );
  expect(encodePosition({ epoch: EPOCH, time: Number.MAX_SAFE_INTEGER, places }).length).toBeLessThan(1_500);
});

test("EV1 a text that is no position is refused, also one that was cut or has more at its end", () => {
  const places = Array.from({ length: STREAM_COUNT }, (_, i) => ({ id: `${1_700_000_000_000 + i}-${i}` }));
  const text = encodePosition({ epoch: EPOCH, time: 1, places });
  for (const wrong of [
    "",
    "0",
    ".",
    `${EPOCH}.`,
    text.slice(0, -4),
    `${text}AAAA`,
    `${text}!`,
    `x.${"_".repeat(900)}`,
  ])
    expect([wrong, decodePosition(wrong)]).toEqual([wrong, undefined]);
  const random = new Random(4);
  for (let round = 0; round < 2_000; round++) {
    const bytes = Buffer.from(Array.from({ length: random.between(0, 300) }, () => random.between(0, 255)));
    const read = decodePosition(`${EPOCH}.${bytes.toString("base64url")}`);
    for (const place of read?.places ?? []) if (place !== undefined) expect(place.id).toMatch(/^\d+-\d+$/);
  }
});

test("EV1 an entry of messages is an event for each, with the id of its message whichever entry has it", () => {
  const { events, at } = decodeEntry(3, "5-1", "m 1700 room 12 3 other 1 c1");
  expect(at).toBe(1_700);
  expect(events.map(({ type, conversation, seq, at }) => [type, conversation, seq, at])).toEqual([
    ...[10, 11, 12].map((seq) => ["message.created", "room", seq, 1_700]),
    ["conversation.created", "other", undefined, 1_700],
    ["message.created", "other", 1, 1_700],
  ]);
  const [again] = decodeEntry(3, "9-0", "m 1700 room 12 1").events;
  expect(again).toEqual(events[2]!);
  expect(new Set(events.map(({ id }) => id)).size).toBe(5);
});

test("EV1 an event that a script may write again keeps its id, and any other has one of its own", () => {
  const json = JSON.stringify([{ type: "read.marked", conversation: "room", user: "anna", seq: 4 }]);
  const idsOf = (value: string) => ["1-0", "2-0"].map((id) => decodeEntry(0, id, value).events[0]?.id);
  const [one, other] = idsOf(`e 1700 ${json}`);
  expect(one).not.toBe(other!);
  const [first, second] = idsOf(`d 1700 key ${json}`);
  expect(first).toBe(second!);
  expect(decodeEntry(0, "1-0", `e 1700 ${json}`).events).toMatchObject([
    { type: "read.marked", seq: 4, at: 1_700 },
  ]);
  expect(decodeEntry(0, "1-0", "l 5 9 room")).toEqual({ events: [], at: 9, lost: { since: 5, until: 9 } });
});

test("OP4 a position of the embedded store that was moved here is of another epoch, after which events are lost", () => {
  const position = encodePlace("1f0c9a52", { log: 100, event: 17, at: 1_735_689_600_000 });
  const found = decodePosition(position);
  expect(found).toMatchObject({ epoch: "", time: 1_735_689_600_000 });
  expect(found!.places.filter((place) => place !== undefined)).toEqual([]);
});
