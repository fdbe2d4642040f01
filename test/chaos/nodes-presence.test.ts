import { expect, test } from "bun:test";
import type { ServerFrameOf } from "../../src/protocol/server-frames.ts";
import { signToken } from "../../src/server/authentication/tokens.ts";
import { NodeProcesses } from "../cli/node-processes.ts";
import { TestClient } from "../support/clients/test-client.ts";
import { isLong, Random, seeds } from "../support/random.ts";
import { startRedis } from "../support/redis/redis-server.ts";
import { TEST_SECRET, testKeys } from "../support/server/tokens.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const NODES = 3;
const USERS = 24;
const STEPS = isLong ? 500 : 190;

/** So many steps are under way at the same time. */
const CONCURRENT_STEPS = 6;

/** A node is killed after so many steps. Observers are on the first, which is not. */
const KILL_EVERY_STEPS = 90;

const ENV = {
  SECRET_KEY: TEST_SECRET,
  NODE_LEASE: "1",
  PRESENCE_GRACE: "0",
  PLANS: "free:100:0",
  HANDSHAKES_PER_MINUTE: "0",
  MAX_CONNECTIONS_PER_ADDRESS: "0",
  DEMO_ACCOUNTS: "false",
  LOG_LEVEL: "error",
};

interface Guest {
  readonly user: string;
  readonly node: number;
  readonly client: TestClient;
}

for (const seed of seeds(20_250_601)) {
  test(`P1 P2 ${STEPS} joins and leaves with crashes: no ghost, no double (seed ${seed})`, async () => {
    const random = new Random(seed);
    await using redis = await startRedis();
    await using nodes = await NodeProcesses.start(NODES, () => ({ ...ENV, REDIS_URL: redis.url }));
    const connect = async (node: number, user: string) => {
      const token = await signToken(await testKeys(), { subject: user, now: Date.now() });
      return TestClient.connect(`${nodes.url(node).replace("http", "ws")}/ws/${user}/room?token=${token}`);
    };
    await using first = await connect(0, "observer");
    const guests = new Set<Guest>();

    const join = async (user: string) => {
      const node = random.pick([...nodes.running.keys()]);
      guests.add({ user, node, client: await connect(node, user) });
    };
    const leave = async (guest: Guest) => {
      guests.delete(guest);
      // Some close properly, some are just gone.
      if (random.next() < 0.5) cut(guest.client);
      else guest.client.socket.close();
      await guest.client.closed;
    };
    const crash = async () => {
      const node = random.between(1, NODES - 1);
      await nodes.stop(node, "SIGKILL");
      for (const guest of [...guests]) if (guest.node === node) guests.delete(guest);
      // Before its lease is over, or after the others have seen to its people.
      await Bun.sleep(random.pick([0, 200, 2_500]));
      await nodes.start(node);
    };
    const step = () => {
      const user = `user-${random.between(1, USERS)}`;
      const present = [...guests];
      return present.length === 0 || (present.length < USERS * 2 && random.next() < 0.55)
        ? join(user)
        : leave(random.pick(present));
    };
    for (let done = 0; done < STEPS; done += CONCURRENT_STEPS) {
      if (done % KILL_EVERY_STEPS < CONCURRENT_STEPS && done > 0) await crash();
      await Promise.all(Array.from({ length: CONCURRENT_STEPS }, step));
    }

    const expected = () => [...new Set([...guests].map(({ user }) => user))].sort();
    const seen = () => presentUsers(first);
    await waitUntil("the observer sees the present users", async () => String(seen()) === String(expected()));
    // Later events must change nothing.
    await Bun.sleep(2_500);
    expect(seen()).toEqual(expected());
    for (const node of nodes.running.keys()) {
      await using newcomer = await connect(node, "newcomer");
      expect(guestsIn(newcomer.of("welcome")[0]!)).toEqual(expected());
    }
    expect(duplicateChanges(first)).toEqual([]);
    for (const { client } of guests) cut(client);
  });
}

/** Ends a connection without a close frame; Bun's method for that is not in the type of the browsers' socket. */
function cut({ socket }: TestClient): void {
  (socket as WebSocket & { terminate(): void }).terminate();
}

const isGuest = (user: string) => user.startsWith("user-");

function guestsIn({ present }: ServerFrameOf<"welcome">): string[] {
  return present.flatMap(({ user }) => (isGuest(user) ? user : [])).sort();
}

/** The guests whom a client has seen join and not leave. */
function presentUsers(client: TestClient): string[] {
  const present = new Set(guestsIn(client.of("welcome")[0]!));
  for (const { user, state } of client.of("presence"))
    if (state === "joined") present.add(user);
    else present.delete(user);
  return [...present].filter(isGuest).sort();
}

/** Joins of users already present, and leaves of users already gone, that a client received. */
function duplicateChanges(client: TestClient): string[] {
  const present = new Set(guestsIn(client.of("welcome")[0]!));
  const wrong: string[] = [];
  for (const { user, state } of client.of("presence")) {
    if (present.has(user) === (state === "joined")) wrong.push(`${user} ${state} twice`);
    if (state === "joined") present.add(user);
    else present.delete(user);
  }
  return wrong;
}
