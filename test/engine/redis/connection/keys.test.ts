// The names of keys on Redis: 64 buckets whose slots lie evenly, and names that are read back as they were made.
import { expect, test } from "bun:test";
import { BUCKET_COUNT, BUCKET_TAGS, bucketOf } from "../../../../src/engine/redis/connection/buckets.ts";
import { Keys } from "../../../../src/engine/redis/connection/keys.ts";

const SLOTS = 16_384;

/** The slot of a key by the specification of Redis Cluster: CRC16 (XMODEM) of its hash tag, modulo 16,384. */
function slotOf(key: string): number {
  const tag = /\{([^}]+)\}/.exec(key)?.[1] ?? key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % SLOTS;
}

const keys = new Keys("parley");
const names = Array.from({ length: 64_000 }, (_, i) => `room-${i}`);

/** How many of `keys` lie in each of `ranges` equal ranges of slots. */
function countByRange(all: readonly string[], ranges: number): number[] {
  const counts = new Array<number>(ranges).fill(0);
  for (const key of all) counts[Math.floor((slotOf(key) * ranges) / SLOTS)]!++;
  return counts;
}

test("the slots of the tags lie evenly: each of 64 equal ranges has exactly one, near its middle", () => {
  expect(slotOf("123456789")).toBe(0x31c3);
  expect(BUCKET_TAGS).toHaveLength(BUCKET_COUNT);
  for (const [bucket, tag] of BUCKET_TAGS.entries()) {
    const slot = slotOf(`{${tag}}`);
    expect([tag, Math.floor(slot / (SLOTS / BUCKET_COUNT))]).toEqual([tag, bucket]);
    expect(Math.abs((slot % (SLOTS / BUCKET_COUNT)) - SLOTS / BUCKET_COUNT / 2)).toBeLessThan(64);
  }
});

test("primaries with equal ranges of slots get equal shares of the conversations", () => {
  for (const primaries of [2, 3, 4, 5, 8, 16]) {
    const buckets = countByRange(
      BUCKET_TAGS.map((tag) => `{${tag}}`),
      primaries,
    );
    expect(Math.max(...buckets) - Math.min(...buckets)).toBeLessThanOrEqual(1);
  }
  const all = countByRange(
    names.map((name) => keys.conversationKey(name, "meta")),
    BUCKET_COUNT,
  );
  // 1,000 in each on average; by chance alone it would be 1,000 ± 95 in all but one of a thousand buckets.
  expect(Math.min(...all)).toBeGreaterThan(850);
  expect(Math.max(...all)).toBeLessThan(1_150);
});

test("the bucket of a name never changes", () => {
  const known = {
    "": 7,
    room: 41,
    "room-1": 1,
    anna: 26,
    "anna@example.com": 8,
    "7c9e6679-7425-40de-944b": 25,
  };
  expect(Object.fromEntries(Object.keys(known).map((name) => [name, bucketOf(name)]))).toEqual(known);
});

test("all keys of a conversation, and all of a user, lie in the slot of its bucket", () => {
  const of = (tag: string) => slotOf(`{${tag}}`);
  const conversation = (["meta", "log", "copy", "ids", "marks", "present"] as const).map((what) =>
    keys.conversationKey("room", what),
  );
  expect(new Set([...conversation, keys.channelOf("room")].map(slotOf))).toEqual(
    new Set([of(BUCKET_TAGS[bucketOf("room")]!)]),
  );
  const user = (
    ["quota", "reserved", "connections", "clients", "tickets", "families", "revoked"] as const
  ).map((what) => keys.userKey("anna", what));
  expect(new Set(user.map(slotOf))).toEqual(new Set([of(BUCKET_TAGS[bucketOf("anna")]!)]));
});

test("a conversation is read back from its keys and its channel, whatever its name is", () => {
  for (const name of ["room", "c:room:meta", "a:log", "::", "ann@example.com"])
    for (const prefix of ["parley", "a:c", "a.b-c_d"]) {
      const own = new Keys(prefix);
      expect(own.conversationOfKey(own.conversationKey(name, "meta"))).toBe(name);
      expect(own.conversationOfKey(own.conversationKey(name, "log"))).toBe(name);
      expect(own.conversationOfChannel(own.channelOf(name))).toBe(name);
    }
});
