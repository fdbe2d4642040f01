// The cost of a message, stage by stage, without other work: `taskset -c 0 bun bench/standalone/stages.ts`.
// Microseconds a message, once the runtime has compiled the code; in a busy server, caches and the collector add to it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMessageBody } from "../../src/core/conversation/entry.ts";
import type { PostResult } from "../../src/core/ports/message-log.ts";
import { openConnection, stepConnection } from "../../src/core/session/connection-session.ts";
import { stepMembership, stepRequest } from "../../src/core/session/membership.ts";
import {
  type MembershipEffect,
  openMembership,
  type RequestFrame,
} from "../../src/core/session/membership-state.ts";
import { openSqlite } from "../../src/engine/sqlite/open.ts";
import { decodeClientFrame } from "../../src/protocol/decode.ts";
import type { ServerFrame } from "../../src/protocol/server-frames.ts";
import { systemClock } from "../../src/server/process/system-clock.ts";
import { readSettings } from "../../src/server/settings/read.ts";
import { sessionRules } from "../../src/server/socket/session-rules.ts";
import { median } from "../median.ts";

const MESSAGES = 200_000;
const ROUNDS = 5;
/** As many as the case `echo` has in one turn of the event loop, and as many as one sender in a room has. */
const BATCH_SIZES = [800, 32];

const settings = readSettings({ env: { BURST_RATE: "0" } });
if ("problems" in settings) throw new Error(settings.problems.join("\n"));
const rules = sessionRules(settings.settings);
const text = "x".repeat(64);
const texts = Array.from({ length: 1000 }, (_, i) =>
  JSON.stringify({ type: "message", id: `run-1-${String(i).padStart(8, "0")}`, text }),
);
const quota = { limit: 1_000_000, remaining: 999_999, reset: 3600 };
const frame = decodeClientFrame(texts[0]!);

measureStage("read the frame (JSON, then its form)", (i) => decodeClientFrame(texts[i % 1000]!));

let session = openConnection(true, 0, rules);
const term = { expiresAt: Number.MAX_SAFE_INTEGER, lifetime: 1_800_000 };
const opened = { type: "opened", behind: false, position: 0, writeRefusal: undefined } as const;
const admitted = { type: "admitted", welcome: { quota } as never, term, opened } as const;
session = stepConnection(session, admitted, 1, rules).session;
const membership = openMembership(undefined);
measureStage("decide (connection and membership: the frame, and the store's result)", (i) => {
  const request = stepRequest(membership, frame.frame as RequestFrame, rules);
  session = stepConnection(
    session,
    { type: "frame", decoded: frame, request, counted: false },
    i,
    rules,
  ).session;
  const result = { outcome: "stored", seq: i, at: i, quota } as const;
  const answer = stepMembership(
    membership,
    { type: "posted", conversation: "lobby", id: "m1", result },
    rules,
  );
  session = stepConnection(
    session,
    answer.effects[1] as Extract<MembershipEffect, { type: "answered" }>,
    i,
    rules,
  ).session;
});

const message = { type: "message", seq: 1, id: "run-1-00000001", from: "user-17", text, at: 1795437965658 };
const ack = { type: "ack", id: "run-1-00000001", seq: 1, at: 1795437965658, quota };
measureStage("encode (the message once, and the ack)", (i) => {
  message.seq = i;
  ack.seq = i;
  return JSON.stringify(message satisfies ServerFrame | object) + JSON.stringify(ack);
});

for (const batchSize of BATCH_SIZES) await measureStore(batchSize);

/** Prints the median of some rounds, after one to warm up. */
function measureStage(what: string, work: (i: number) => unknown): void {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const start = performance.now();
    for (let i = 0; i < MESSAGES; i++) work(i);
    rounds.push(((performance.now() - start) / MESSAGES) * 1000);
  }
  console.log(`${median(rounds.slice(1)).toFixed(2).padStart(6)} µs  ${what}`);
}

/** The embedded engine, its keeper included: id check, quota, append, commit, and taking into the index. */
async function measureStore(batchSize: number): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "parley-stages-"));
  const store = await openSqlite({ dataDir, clock: systemClock(), emit: console.error, sync: "normal" });
  const body = encodeMessageBody(text);
  const post = (i: number, done: (result: PostResult) => void) => {
    const [conversation, user] = [`room-${i % 100}`, `user-${i % 100}`];
    store.engine.post(
      { conversation, user, id: `run-1-${i}`, kind: "message", body, limit: 1_000_000 },
      done,
    );
  };
  let sent = 0;
  const run = async (messages: number) => {
    for (const end = sent + messages; sent < end; ) {
      const { promise, resolve } = Promise.withResolvers<void>();
      let open = batchSize;
      for (let i = 0; i < batchSize; i++) post(sent++, () => --open === 0 && resolve());
      await promise;
    }
  };
  await run(MESSAGES / 2);
  const start = process.cpuUsage();
  await run(MESSAGES);
  const { user, system } = process.cpuUsage(start);
  const each = (user + system) / MESSAGES;
  console.log(
    `${each.toFixed(2).padStart(6)} µs  store (id check, quota, append, commit, index), ${batchSize} a turn; CPU of all threads`,
  );
  await store.close();
  rmSync(dataDir, { recursive: true });
}
