import { expect, test } from "bun:test";
import { EventBus } from "../../src/core/events/event-bus.ts";
import { EVENT_AREAS, EVENT_NAMES } from "../../src/core/events/events.ts";

test("every listener gets each event, in the order in which they subscribed, until it unsubscribes", () => {
  const bus = new EventBus();
  const received: string[] = [];
  const { emit } = bus;
  emit("signin.failed", { address: "192.0.2.1", known: false });
  bus.subscribe(({ name }) => received.push(`first ${name}`));
  const stop = bus.subscribe((event) => {
    // The name decides which fields there are.
    if (event.name === "account.removed") received.push(`second ${event.fields.user}`);
  });
  emit("account.removed", { user: "ann" });
  stop();
  emit("account.removed", { user: "ben" });
  expect(received).toEqual(["first account.removed", "second ann", "first account.removed"]);
});

test("no event is declared in two areas", () => {
  const names = Object.values(EVENT_AREAS).flatMap((events) => Object.keys(events));
  expect(names.sort()).toEqual([...EVENT_NAMES].sort());
});
