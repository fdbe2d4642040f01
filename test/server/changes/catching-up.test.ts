import { afterAll, beforeAll, expect, test } from "bun:test";
import { Replica, type ShownMessage } from "../../support/clients/replica.ts";
import { SOCKETS } from "../../support/clients/sockets.ts";
import type { TestClient } from "../../support/clients/test-client.ts";
import { Random, seeds } from "../../support/random.ts";
import { startMemberServer } from "../http/routes/members/member-api.ts";

/** What the messages and changes of one run are. Long texts, so that a short absence is more than the replay buffer holds. */
const STEPS = 240;
const LONG = "x".repeat(4_000);
const REACTIONS = ["👍", "x", "constructor"];
const USERS = ["anna", "ben", "carl"];

let api: Awaited<ReturnType<typeof startMemberServer>>;

beforeAll(async () => {
  api = await startMemberServer({ env: { PLANS: "free:0:0", DEFAULT_PLAN: "free" } });
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
