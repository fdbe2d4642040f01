import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Engine } from "../../../src/core/ports/engine.ts";
import { Replica, type ShownMessage } from "../../support/clients/replica.ts";
import { SOCKETS } from "../../support/clients/sockets.ts";
import type { TestClient } from "../../support/clients/test-client.ts";
import { Random, seeds } from "../../support/random.ts";
import { overrideEngine } from "../../support/server/override-engine.ts";
import { startMemberServer } from "../http/routes/members/member-api.ts";

/** What the messages and changes of one run are. Long texts, so that a short absence is more than the replay buffer holds. */
const STEPS = 240;
const LONG = "x".repeat(4_000);
const REACTIONS = ["👍", "x", "constructor"];
const USERS = ["anna", "ben", "carl"];

let api: Awaited<ReturnType<typeof startMemberServer>>;

/** Holds up what was read from the store. `reached` resolves when something is held. */
interface Hold {
  readonly what: "head" | "read";
  readonly reached: () => void;
  readonly released: Promise<void>;
}

let hold: Hold | undefined;

/** An engine whose reads of pages and changes arrive late while there is a hold: they show what was before. */
function heldUp(engine: Engine): Engine {
  const held = async <T>(read: Promise<T>, what: Hold["what"] = "read"): Promise<T> => {
    const result = await read;
    if (hold?.what !== what) return result;
    hold?.reached();
    await hold?.released;
    return result;
  };
  const { changes } = engine;
  return overrideEngine(engine, {
    head: (conversation) => held(engine.head(conversation), "head"),
    page: (...page) => held(engine.page(...page)),
    changes: {
      change: (request, done) => changes.change(request, done),
      consider: (request, done) => changes.consider(request, done),
      rev: (conversation) => changes.rev(conversation),
      missed: (...plan) => held(changes.missed(...plan)),
      mine: (...messages) => held(changes.mine(...messages)),
      watch: (listener) => changes.watch(listener),
    },
  });
}

/** Connects a client, and does something while the first read for it is on its way. */
async function during(
  connecting: () => Promise<TestClient>,
  work: () => Promise<void>,
  what: Hold["what"] = "read",
): Promise<TestClient> {
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  hold = { what, reached: reached.resolve, released: released.promise };
  const connected = connecting();
  await reached.promise;
  await work();
  hold = undefined;
  released.resolve();
  return connected;
}

beforeAll(async () => {
  api = await startMemberServer({
    env: { PLANS: "free:0:0", DEFAULT_PLAN: "free" },
    wrapEngine: heldUp,
  });
});

afterAll(() => api[Symbol.asyncDispose]());

/** A frame that a client may send at random: to a message that may not be there, or may be erased. */
function randomFrame(random: Random, newest: number): object {
  const seq = random.between(Math.max(1, newest - 40), newest + 1);
  switch (random.between(1, 8)) {
    case 1:
    case 2:
      return { type: "message", text: `${LONG}${random.between(1, 9)}`, data: { n: random.between(1, 9) } };
    case 3:
      return { type: "edit", seq, text: `edited ${random.between(1, 9)}` };
    case 4:
      return { type: "edit", seq, data: random.pick([null, { n: random.between(1, 9) }]) };
    case 5:
      return { type: "erase", seq };
    default:
      return { type: "react", seq, reaction: random.pick(REACTIONS), on: random.between(1, 3) > 1 };
  }
}

/** All messages as `history` shows them to a user, by their `seq`. */
async function shownTo(user: string, conversation: string): Promise<Map<number, ShownMessage>> {
  const shown = new Map<number, ShownMessage>();
  for (let after = 0, more = true; more; ) {
    const { body } = await api.as(
      user,
      `GET /conversations/${conversation}/messages?after=${after}&limit=200`,
    );
    for (const message of body.messages)
      shown.set(message.seq, { ...message, mine: body.mine?.[message.seq] ?? [] });
    ({ more } = body);
    after = body.messages.at(-1)?.seq ?? after;
  }
  return shown;
}

function sorted(messages: ReadonlyMap<number, ShownMessage>): object[] {
  return [...messages.values()].map(({ mine, ...message }) => ({ ...message, mine: [...mine].sort() }));
}

describe.each(SOCKETS)("a change while a client catches up on %s", (_kind, connect) => {
  let runs = 0;
  const begin = async (count: number) => {
    const name = `held-${_kind.length}-${++runs}`;
    const path = `/conversations/${name}/messages`;
    for (let seq = 1; seq <= count; seq++) await api.as("anna", `POST ${path}`, { text: `text ${seq}` });
    const { epoch } = (await api.as("anna", `GET /conversations/${name}`)).body;
    const join = async (query: string): Promise<TestClient> =>
      connect(
        `${api.server.wsUrl}/ws/ben/${name}?token=${await api.server.token("ben")}&epoch=${epoch}${query}`,
      );
    const edit = (seq: number) => api.as("anna", `PATCH ${path}/${seq}`, { text: `edited ${seq}` });
    return { join, edit };
  };
  /** The messages as the client has them, after all that was sent to it was applied. */
  const shown = async (client: TestClient, count: number, after = 0): Promise<unknown[]> => {
    const replica = new Replica("ben");
    replica.after = after;
    await client.settled();
    const [first] = client.of("history");
    for (const message of first?.messages ?? []) replica.messages.set(message.seq, { ...message, mine: [] });
    while (first === undefined && client.of("message").length < count) await client.settled();
    await client.settled();
    for (const frame of client.frames) if (frame.type !== "welcome") replica.apply(frame);
    return [...replica.messages.values()].map(({ text }) => text);
  };

  test("CH1 comes after a page that was read before it, and the next client gets the page as it is now", async () => {
    const { join, edit } = await begin(70);
    await using held = await during(
      () => join("&after=0&rev=0"),
      async () => {
        for (const seq of [1, 70]) await edit(seq);
      },
    );
    const texts = await shown(held, 70);
    expect([texts[0], texts[1], texts[69]]).toEqual(["edited 1", "text 2", "edited 70"]);
    expect(held.of("change").map(({ rev }) => rev)).toEqual([1, 2]);
    await using next = await join("&after=10&rev=2");
    expect(await shown(next, 60, 10)).toEqual(texts.slice(10));
    expect(next.of("change")).toEqual([]);
  });

  test("CH1 comes after a first page that was read before it", async () => {
    const { join, edit } = await begin(2);
    await using ben = await during(
      () => join("&last=10"),
      async () => {
        await edit(1);
      },
    );
    expect(await shown(ben, 2)).toEqual(["edited 1", "text 2"]);
  });

  test("CH2 comes after folds that were read before it", async () => {
    const { join, edit } = await begin(2);
    await edit(1);
    await using ben = await during(
      () => join("&after=2&rev=0"),
      async () => {
        await edit(2);
      },
    );
    await ben.settled();
    expect(ben.of("welcome")[0]).toMatchObject({ rev: 1, resumed: true });
    expect(ben.of("change").map(({ rev, kind }) => [rev, kind])).toEqual([
      [1, "fold"],
      [2, "edit"],
    ]);
  });

  test("CH2 that came after the head was read is not lost", async () => {
    const { join, edit } = await begin(2);
    await using ben = await during(
      () => join("&after=2&rev=0"),
      async () => {
        await edit(1);
      },
      "head",
    );
    await ben.settled();
    expect(ben.of("change").map(({ rev, set }) => [rev, set.text])).toEqual([[1, "edited 1"]]);
  });

  test("CH2 more changes than a room keeps come as folds", async () => {
    const { join, edit } = await begin(70);
    await using ben = await during(
      () => join("&after=1&rev=0"),
      async () => {
        for (let seq = 1; seq <= 70; seq++) await edit(seq);
      },
    );
    const texts = await shown(ben, 69, 1);
    await ben.settled();
    expect(texts).toEqual(Array.from({ length: 69 }, (_, index) => `edited ${index + 2}`));
    expect(ben.of("change").find(({ seq }) => seq === 1)).toMatchObject({
      kind: "fold",
      set: { text: "edited 1" },
    });
  });
});

const RUNS = seeds(1, 2).flatMap((seed) => SOCKETS.map(([kind, connect]) => [seed, kind, connect] as const));

test.each(RUNS)(
  "CH1 CH2 a client that copies `set`, with cuts at any moment, ends with what history shows (seed %d, %s)",
  async (seed, kind, connect) => {
    const random = new Random(seed);
    const name = `run-${seed}-${kind.length}`;
    const replicas = new Map(USERS.map((user) => [user, new Replica(user)]));
    const clients = new Map<string, TestClient>();
    const connectAs = async (user: string): Promise<void> => {
      const { query } = replicas.get(user)!;
      const token = await api.server.token(user);
      clients.set(user, await connect(`${api.server.wsUrl}/ws/${user}/${name}?token=${token}${query}`));
    };
    const applied = new Map<TestClient, number>();
    const read = (user: string): void => {
      const client = clients.get(user)!;
      for (const frame of client.frames.slice(applied.get(client) ?? 0)) replicas.get(user)!.apply(frame);
      applied.set(client, client.frames.length);
    };
    const cut = async (user: string): Promise<void> => {
      await clients.get(user)![Symbol.asyncDispose]();
      read(user);
      clients.delete(user);
    };
    for (const user of USERS) await connectAs(user);
    let newest = 0;
    for (let step = 0; step < STEPS; step++) {
      const user = random.pick(USERS);
      const client = clients.get(user);
      if (client === undefined) {
        // It comes back while the others go on.
        if (random.between(1, 8) === 1) await connectAs(user);
        continue;
      }
      client.send(randomFrame(random, newest) as Record<string, unknown>);
      if (random.between(1, 25) === 1 && user !== "anna") await cut(user);
      else if (random.between(1, 4) === 1) await client.settled();
      newest = Math.max(
        newest,
        ...clients
          .get("anna")!
          .of("message")
          .slice(-1)
          .map(({ seq }) => seq),
      );
    }
    for (const user of USERS) if (!clients.has(user)) await connectAs(user);
    const expected = await shownTo("anna", name);
    const isDone = (user: string) => {
      read(user);
      return replicas.get(user)!.after >= expected.size;
    };
    for (const user of USERS) {
      const client = clients.get(user)!;
      // What was sent last is stored, and everybody has it.
      client.send({ type: "react", seq: 1, reaction: "last", on: true, id: "last" });
      while (!client.frames.some((frame) => "id" in frame && frame.id === "last")) await client.settled();
    }
    for (const user of USERS) {
      while (!isDone(user)) await clients.get(user)!.settled();
      await clients.get(user)!.settled();
      read(user);
      expect(sorted(replicas.get(user)!.messages)).toEqual(sorted(await shownTo(user, name)));
      await clients.get(user)![Symbol.asyncDispose]();
    }
    expect(replicas.get("anna")!.rev).toBeGreaterThan(STEPS / 8);
  },
  60_000,
);
