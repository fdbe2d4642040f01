import { expect, test } from "bun:test";
import { explainFault, isFaultOfConnection, RedisAway } from "../../../src/engine/redis/faults.ts";

// The story: a primary of a Cluster was killed, clients came to conversations that lay on it, and the node, which reached
// the other primaries, told them that it had met a fault of its own.
const AWAY = [
  "Too many Cluster redirections. Last error: Error: Connection is closed.",
  "CLUSTERDOWN Hash slot not served",
  "TRYAGAIN Multiple keys request during rehashing of slot",
  "MOVED 1234 127.0.0.1:7000",
  "READONLY You can't write against a read only replica.",
  "LOADING Redis is loading the dataset in memory",
  "Command timed out",
  "Socket timeout. Expecting data, but didn't receive any in 3000ms.",
  "connect ECONNREFUSED 127.0.0.1:7000",
  "read ECONNRESET",
  "Connection is closed.",
  "Stream isn't writeable and enableOfflineQueue options is false",
  "None of startup nodes is available",
];

const OTHERS = [
  "WRONGTYPE Operation against a key holding the wrong kind of value",
  "ERR user_script:12: attempt to index a nil value",
  "undefined is not an object (evaluating 'a.b')",
];

test("L3 a call that found no connection, or a server that cannot serve now, failed because the store is away", () => {
  for (const text of AWAY) expect([text, isFaultOfConnection(new Error(text))]).toEqual([text, true]);
  expect(isFaultOfConnection(new RedisAway())).toBe(true);
});

test("L3 a fault of ours is none of the store's", () => {
  for (const text of OTHERS) expect([text, isFaultOfConnection(new Error(text))]).toEqual([text, false]);
});

test("a Cluster that is half updated to 7 is told apart from one that is older throughout, which is good enough", () => {
  const fault = explainFault("ERR unknown command 'ssubscribe', with args beginning with: 'x'");
  expect(fault).toContain("update them all");
});
