// The relay port (src/core/ports/relay.ts) in executable form. An engine's own test file opens it and calls this.
// Events are compared whole: the user, the event and the time.
import { describe, expect, test } from "bun:test";
import type { Relay, RelayRoom } from "../../src/core/ports/relay.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** Relay ports of the nodes of one store, made for one test. */
export interface OpenedRelays extends AsyncDisposable {
  readonly relays: readonly Relay[];
}

/** The events of a subscriber. */
type RelayEvent =
  | { readonly kind: "joined" | "left"; readonly user: string; readonly at: number }
  | { readonly kind: "typing"; readonly user: string; readonly active: boolean }
  | { readonly kind: "read"; readonly user: string; readonly seq: number };

interface Subscriber {
  readonly room: RelayRoom;
  readonly events: RelayEvent[];
}

async function subscribe(relay: Relay, conversation = "lobby"): Promise<Subscriber> {
  const events: RelayEvent[] = [];
  const room = await relay.open(conversation, {
    onPresence: (_, user, kind, at) => events.push({ kind, user, at }),
    presentHere: () => [],
    onTyping: (_, user, active) => events.push({ kind: "typing", user, active }),
    onReadMark: (_, user, seq) => events.push({ kind: "read", user, seq }),
    onGap: () => {},
  });
  return { room, events };
}

/** Every MUST of the relay port; `nodes` is how many can share the engine's store: one or three. */
export function relayContract(name: string, nodes: 1 | 3, open: () => Promise<OpenedRelays>): void {
  describe(`relay contract: ${name}`, () => {
    test("P1 a node receives no events of its own users, and does not list them as remote", async () => {
      await using opened = await open();
      const [relay] = opened.relays;
      const own = await subscribe(relay!);
      const again = await subscribe(relay!, "other");
      own.room.join("anna", 1_000);
      own.room.sendTyping("anna", true);
      own.room.sendReadMark("anna", 1);
      own.room.leave("anna", 2_000);
      again.room.join("anna", 3_000);
      expect(own.room.isShared).toBe(nodes > 1);
      expect([...own.room.remoteMembers()]).toEqual([]);
      expect([...(await relay!.present("lobby"))]).toEqual([]);
      expect([...own.events, ...again.events]).toEqual([]);
      own.room.close();
      again.room.close();
    });

    if (nodes === 1) return;

    /** Each of three nodes listens to the lobby. */
    async function begin() {
      const opened = await open();
      const [a, b, c] = await Promise.all(opened.relays.map((relay) => subscribe(relay)));
      return {
        ...opened,
        relays: opened.relays,
        a: a!,
        b: b!,
        c: c!,
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      };
    }

    const received = (...all: readonly [Subscriber, number][]) =>
      waitUntil("all have received", () => all.every(([{ events }, count]) => events.length >= count));

    test("P1 P2 a join or leave is published with the time at which it happened on its own node", async () => {
      await using opened = await begin();
      const { a, b, c } = opened;
      a.room.join("anna", 1_000);
      await received([b, 1], [c, 1]);
      a.room.leave("anna", 2_000);
      await received([b, 2], [c, 2]);
      const events: RelayEvent[] = [
        { kind: "joined", user: "anna", at: 1_000 },
        { kind: "left", user: "anna", at: 2_000 },
      ];
      expect([a.events, b.events, c.events]).toEqual([[], events, events]);
    });

    test("P1 a user present through two nodes joins once and leaves once, at the time of the last leave", async () => {
      await using opened = await begin();
      const { a, b, c } = opened;
      a.room.join("anna", 1_000);
      await received([c, 1]);
      b.room.join("anna", 900);
      await waitUntil("it is known", () => c.room.remoteMembers().get("anna") === 900);
      a.room.leave("anna", 2_000);
      await waitUntil(
        "it is known",
        async () => (await opened.relays[2]!.present("lobby")).get("anna") === 900,
      );
      b.room.leave("anna", 3_000);
      await received([c, 2]);
      expect(c.events).toEqual([
        { kind: "joined", user: "anna", at: 1_000 },
        { kind: "left", user: "anna", at: 3_000 },
      ]);
      expect([...c.room.remoteMembers()]).toEqual([]);
    });

    test("P3 P4 typing and read marks reach the other nodes unchanged", async () => {
      await using opened = await begin();
      const { a, b, c } = opened;
      a.room.sendTyping("anna", true);
      a.room.sendReadMark("anna", 7);
      a.room.sendTyping("anna", false);
      await received([b, 3], [c, 3]);
      const events: RelayEvent[] = [
        { kind: "typing", user: "anna", active: true },
        { kind: "read", user: "anna", seq: 7 },
        { kind: "typing", user: "anna", active: false },
      ];
      expect([a.events, b.events, c.events]).toEqual([[], events, events]);
    });

    test("P1 opening a conversation later returns the present users with their times, and no events for them", async () => {
      await using opened = await open();
      const [first, second, third] = opened.relays;
      const a = await subscribe(first!);
      a.room.join("anna", 1_000);
      a.room.join("ben", 1_500);
      await waitUntil("it is written", async () => (await second!.present("lobby")).size === 2);
      const b = await subscribe(second!);
      expect([...b.room.remoteMembers()].sort()).toEqual([
        ["anna", 1_000],
        ["ben", 1_500],
      ]);
      expect([...(await third!.present("lobby"))].sort()).toEqual([
        ["anna", 1_000],
        ["ben", 1_500],
      ]);
      expect(b.events).toEqual([]);
    });

    test("P1 conversations are separate, and a closed one receives no more events", async () => {
      await using opened = await begin();
      const { a, b, c } = opened;
      const hall = await subscribe(opened.relays[1]!, "hall");
      b.room.close();
      a.room.join("anna", 1_000);
      a.room.sendTyping("anna", true);
      await received([c, 2]);
      expect([b.events, hall.events]).toEqual([[], []]);
      expect([...hall.room.remoteMembers()]).toEqual([]);
    });
  });
}
