import { expect, test } from "bun:test";
import { EventBus } from "../../../src/core/events/event-bus.ts";
import { openEventLog } from "../../../src/server/log/event-log.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** The log of a server, as a listener, and what else listens. */
function opened() {
  const log = new RecordedLog();
  const clock = new ManualClock();
  const events = new EventBus();
  const eventLog = openEventLog(log, clock, "info");
  let count = 0;
  events.subscribe(eventLog.listener);
  events.subscribe(() => count++);
  return { log, clock, eventLog, emit: events.emit, count: () => count };
}

test("SEC-P2 an event is a line of its level; what a client can repeat is thinned in the log, and only there", () => {
  const { log, clock, eventLog, emit, count } = opened();
  for (let i = 0; i < 3; i++) emit("signin.failed", { address: "192.0.2.1", known: false });
  for (let i = 0; i < 2; i++) emit("store.damaged", { reason: "no header", advice: "restore" });
  // On a full disk these come twice a second, with other words each.
  for (let i = 0; i < 3; i++) emit("store.write_failed", { error: `no room ${i}`, waiting: i });
  const failed = { level: "warn", event: "signin.failed", fields: { address: "192.0.2.1", known: false } };
  const damaged = {
    level: "error",
    event: "store.damaged",
    fields: { reason: "no header", advice: "restore" },
  };
  const unwritten = {
    level: "error",
    event: "store.write_failed",
    fields: { error: "no room 0", waiting: 0 },
  };
  expect(log.entries).toEqual([failed, damaged, damaged, unwritten] as typeof log.entries);
  expect(count()).toBe(8);
  clock.advance(10_000);
  expect(log.entries.slice(4)).toEqual([
    { ...failed, fields: { ...failed.fields, repeated: 2 } },
    { ...unwritten, fields: { error: "no room 2", waiting: 2, repeated: 2 } },
  ] as typeof log.entries);
  eventLog.close();
});

test("SEC-P2 connections of a user that close with different codes are different lines", () => {
  const { log, eventLog, emit } = opened();
  const connection = { connection: "c", user: "ann", conversation: "lobby", address: "192.0.2.1" };
  emit("connection.closing", { ...connection, close_code: 4408, code: "inactive" });
  emit("connection.closing", { ...connection, close_code: 4410 });
  expect(log.entries.map(({ fields }) => fields.close_code)).toEqual([4408, 4410]);
  eventLog.close();
});
