import { expect, test } from "bun:test";
import {
  classifyError,
  explainError,
  MissingPermission,
  RedisUnavailable,
} from "../../../../src/engine/redis/connection/errors.ts";

// The story: a primary of a Cluster was killed, clients came to conversations that lay on it, and the node, which still
// reached the other primaries, replied with `internal`.
const AWAY = [
  "WRONGTYPE Operation against a key holding the wrong kind of value",
  "WRONGTYPE Operation against a key holding the wrong kind of value script: 01c3a5, on @user_script:21.",
  "Too many Cluster redirections. Last error: Error: Connection is closed.",
  "CLUSTERDOWN Hash slot not served",
  "TRYAGAIN Multiple keys request during rehashing of slot",
  "ERR Script attempted to access a non local key in a cluster node script: 7269007911ec, on @user_script:173.",
  "MOVED 1234 127.0.0.1:7000",
  "Command timed out",
  "Socket timeout. Expecting data, but didn't receive any in 3000ms.",
  "connect ECONNREFUSED 127.0.0.1:7000",
  "read ECONNRESET",
  "write EPIPE",
  "Connection is closed.",
  "Stream isn't writeable and enableOfflineQueue options is false",
  "None of startup nodes is available",
  'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
];

// A second story: a Redis whose memory was full replied, and refused every write; users who signed in then got "500".
// The errors are copied from Redis 7.0.15, bare and from inside a script, and from 6.2 inside a script.
const REFUSES = [
  "OOM command not allowed when used memory > 'maxmemory'.",
  "OOM command not allowed when used memory > 'maxmemory'. script: 01c3a5, on @user_script:21.",
  "ERR Error running script (call to f_01c3a5): @user_script:21: -OOM command not allowed when used memory > 'maxmemory'.",
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
  "MISCONF Errors writing to the AOF file: No space left on device",
  "READONLY You can't write against a read only replica. script: 01c3a5, on @user_script:21.",
  "NOREPLICAS Not enough good replicas to write.",
  "LOADING Redis is loading the dataset in memory",
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "ERR Error running script (call to f_01c3a5): @user_script:3: Script killed by user with SCRIPT KILL...",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "NOAUTH Authentication required.",
  "WRONGPASS invalid username-password pair or user is disabled.",
  "NOPERM this user has no permissions to run the 'xadd' command",
  "NOPERM this user has no permissions to access one of the keys used as arguments",
  "NOPERM No permissions to access a channel",
  "ERR The user executing the script can't run this command or subcommand script: c436, on @user_script:231.",
  "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments script: c436",
  "ERR ACL failure in script: User parley has no permissions to run the 'xadd' command",
  "ERR unknown command 'getdel', with args beginning with: 'a'",
  "ERR Unknown Redis command called from script script: c436, on @user_script:1.",
  "ERR max number of clients reached",
  "no replica had it within 1000 ms",
];

const OURS = [
  "CROSSSLOT Keys in request don't hash to the same slot",
  "ERR user_script:12: attempt to index a nil value",
  "ERR The ID specified in XADD is equal or smaller than the target stream top item",
  "undefined is not an object (evaluating 'a.b')",
];

test("L3 errors of a lost connection, or of a server that cannot serve now, count as store unavailable", () => {
  for (const text of AWAY) expect([text, classifyError(new Error(text))?.refuses]).toEqual([text, false]);
  expect(classifyError(new RedisUnavailable())?.refuses).toBe(false);
});

test("L3 errors with which Redis refuses a command count as store unavailable", () => {
  for (const text of REFUSES) expect([text, classifyError(new Error(text))?.refuses]).toEqual([text, true]);
});

test("L3 errors of our own code do not count as store unavailable", () => {
  for (const text of OURS) expect([text, classifyError(new Error(text))]).toEqual([text, undefined]);
});

test("the error names the missing permission", () => {
  expect(explainError(new MissingPermission("xadd").message)).toContain("may not run XADD");
});

test("a Cluster half updated to 7 is distinguished from one that is older throughout, which is accepted", () => {
  const storeError = explainError("ERR unknown command 'ssubscribe', with args beginning with: 'x'");
  expect(storeError).toContain("update them all");
});
