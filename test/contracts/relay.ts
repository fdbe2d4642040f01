// The relay port (src/core/ports/relay.ts) in executable form. An engine's own test file opens it and calls this. What is heard
// is compared whole: who, what, and when.
import { describe, expect, test } from "bun:test";
import type { Relay, RelayRoom } from "../../src/core/ports/relay.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** Relay ports of the nodes of one store, made for one test. */
export interface OpenedRelays extends AsyncDisposable {
  readonly relays: readonly Relay[];
}

/** What a listener hears. */
type RelayEvent =
  | { readonly kind: "joined" | "left"; readonly user: string; readonly at: number }
  | { readonly kind: "typing"; readonly user: string; readonly active: boolean }
  | { readonly kind: "read"; readonly user: string; readonly seq: number };

interface Listening {
  readonly room: RelayRoom;
  readonly news: RelayEvent[];
}

async function listen(relay: Relay, conversation = "lobby"): Promise<Listening> {
  const news: RelayEvent[] = [];
  const room = await relay.open(conversation, {
    onPresence: (user, kind, at) => news.push({ kind, user, at }),
    onTyping: (user, active) => news.push({ kind: "typing", user, active }),
    onReadMark: (user, seq) => news.push({ kind: "read", user, seq }),
    onGap: () => {},
  });
  return { room, news };
}

/** Every MUST of the relay port; `nodes` is how many can share the engine's store: one or three. */
export function relayContract(name: string, nodes: 1 | 3, open: () => Promise<OpenedRelays>): void {
  describe(`relay contract: ${name}`, () => {
    test("P1 a node hears nothing of its own users, and does not find them elsewhere", async () => {
      await using opened = await open();
      const [relay] = opened.relays;
      const own = await listen(relay!);
      const again = await listen(relay!, "other");
      own.room.join("anna", 1_000);
      own.room.sendTyping("anna", true);
      own.room.sendReadMark("anna", 1);
      own.room.leave("anna", 2_000);
      again.room.join("anna", 3_000);
      expect(own.room.isShared).toBe(nodes > 1);
      expect([...own.room.remoteMembers()]).toEqual([]);
      expect([...(await relay!.present("lobby"))]).toEqual([]);
      expect([...own.news, ...again.news]).toEqual([]);
      own.room.close();
      again.room.close();
    });

    if (nodes === 1) return;

    /** Each of three nodes listens to the lobby. */
    async function begin() {
      const opened = await open();
      const [a, b, c] = await Promise.all(opened.relays.map((relay) => listen(relay)));
      return {
        ...opened,
        relays: opened.relays,
        a: a!,
        b: b!,
        c: c!,
        [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
      };
    }

    const heard = (...all: readonly [Listening, number][]) =>
      waitUntil("all have heard", () => all.every(([{ news }, count]) => news.length >= count));

    test("P1 P2 who comes and goes is told with the moment when that was, by the node where it was", async () => {
      await using opened = await begin();
      const { a, b, c } = opened;
      a.room.join("anna", 1_000);
      await heard([b, 1], [c, 1]);
      a.room.leave("anna", 2_000);
      await heard([b, 2], [c, 2]);
      const news: RelayEvent[] = [
        { kind: "joined", user: "anna", at: 1_000 },
        { kind: "left", user: "anna", at: 2_000 },
      ];
      expect([a.news, b.news, c.news]).toEqual([[], news, news]);
    });

    test("P1 a user who is there through two nodes comes once and goes once, at the moment of the last", async () => {
      await using opened = await begin();
      const { a, b, c } = opened;
      a.room.join("anna", 1_000);
      await heard([c, 1]);
      b.room.join("anna", 900);
      await waitUntil("it is known", () => c.room.remoteMembers().get("anna") === 900);
      a.room.leave("anna", 2_000);
      await waitUntil(
        "it is known",
        async () => (await opened.relays[2]!.present("lobby")).get("anna") === 900,
      );
      b.room.leave("anna", 3_000);
      await heard([c, 2]);
      expect(c.news).toEqual([
        { kind: "joined", user: "anna", at: 1_000 },
        { kind: "left", user: "anna", at: 3_000 },
      ]);
      expect([...c.room.remoteMembers()]).toEqual([]);
    });

    test("P3 P4 who types and has read is told to the others as it was said", async () => {
      await using opened = await begin();
      const { a, b, c } = opened;
      a.room.sendTyping("anna", true);
      a.room.sendReadMark("anna", 7);
      a.room.sendTyping("anna", false);
      await heard([b, 3], [c, 3]);
      const news: RelayEvent[] = [
        { kind: "typing", user: "anna", active: true },
        { kind: "read", user: "anna", seq: 7 },
        { kind: "typing", user: "anna", active: false },
      ];
      expect([a.news, b.news, c.news]).toEqual([[], news, news]);
    });

    test("P1 who opens a conversation later finds who is there, since when, and is told of none of them", async () => {
      await using opened = await open();
      const [first, second, third] = opened.relays;
      const a = await listen(first!);
      a.room.join("anna", 1_000);
      a.room.join("ben", 1_500);
      await waitUntil("it is written", async () => (await second!.present("lobby")).size === 2);
      const b = await listen(second!);
      expect([...b.room.remoteMembers()].sort()).toEqual([
        ["anna", 1_000],
        ["ben", 1_500],
      ]);
      expect([...(await third!.present("lobby"))].sort()).toEqual([
        ["anna", 1_000],
        ["ben", 1_500],
      ]);
      expect(b.news).toEqual([]);
    });

    test("P1 conversations are apart, and who closed one hears no more of it", async () => {
      await using opened = await begin();
      const { a, b, c } = opened;
      const hall = await listen(opened.relays[1]!, "hall");
      b.room.close();
      a.room.join("anna", 1_000);
      a.room.sendTyping("anna", true);
      await heard([c, 2]);
      expect([b.news, hall.news]).toEqual([[], []]);
      expect([...hall.room.remoteMembers()]).toEqual([]);
    });
  });
}
