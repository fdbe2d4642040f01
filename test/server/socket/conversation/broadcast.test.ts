// Clients that only receive share one publish (broadcast.ts), senders have their own. The difference must not be
// visible.
import { describe, expect, test } from "bun:test";
import { RawSocket } from "../../../support/clients/raw-socket.ts";
import { SOCKETS } from "../../../support/clients/sockets.ts";
import { TestClient } from "../../../support/clients/test-client.ts";
import { Random, seeds } from "../../../support/random.ts";
import { startTestServer, type TestServer } from "../../../support/server/test-server.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";

/** No limits except those of the connection itself. */
const OPEN = { BURST_RATE: "0", PLANS: "free:0:0", PRESENCE_GRACE: "0", INACTIVITY_TIMEOUT: "0" };

async function targetOf(server: TestServer, user: string): Promise<string> {
  return `/ws/${user}/lobby?token=${await server.token(user, { lifetime: 86_400 })}`;
}

async function enter(
  server: TestServer,
  user: string,
  connect = (url: string) => TestClient.connect(url),
): Promise<TestClient> {
  return connect(`${server.wsUrl}${await targetOf(server, user)}`);
}

/** The seqs that a client received, in their order, an ack as the seq of its message. */
function order({ frames }: TestClient): number[] {
  return frames.flatMap((frame) => (frame.type === "message" || frame.type === "ack" ? [frame.seq] : []));
}

/** The numbers of the messages alone. */
function messages(client: TestClient): number[] {
  return client.of("message").map(({ seq }) => seq);
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

test.each(seeds(1, 2, 3))(
  "MX1 D1 D2 D4 senders, receivers and newcomers on both kinds of sockets: each receives all in order, acks in between (seed %d)",
  async (seed) => {
    const random = new Random(seed);
    const clock = new ManualClock();
    await using server = await startTestServer({ env: OPEN, clock });
    const clients: { client: TestClient; user: string; from: number }[] = [];
    await using stack = new AsyncDisposableStack();
    const join = async () => {
      // Some have two tabs: one receives what the other sends.
      const user = `user-${random.between(1, 9)}`;
      const [, connect] = random.pick(SOCKETS);
      const client = stack.use(await enter(server, user, connect));
      const [welcome] = client.of("welcome");
      clients.push({ client, user, from: welcome!.seq + 1 });
    };
    const forgetSpeakers = async () => {
      // In steps, so that the pongs are sent meanwhile.
      for (let seconds = 0; seconds < 12; seconds += 4) {
        clock.advance(4_000);
        await Promise.all(clients.map(({ client }) => client.settled()));
      }
    };
    for (let i = 0; i < 7; i++) await join();
    let said = 0;
    for (let round = 0; round < 40; round++) {
      for (let speakers = random.between(1, 4); speakers > 0; speakers--) {
        const { client } = random.pick(clients);
        for (let burst = random.between(1, 5); burst > 0; burst--)
          client.send({ type: "message", text: `${++said}`, id: `m${said}` });
      }
      if (random.next() < 0.3) await Promise.all(clients.map(({ client }) => client.settled()));
      if (random.next() < 0.3) await forgetSpeakers();
      if (random.next() < 0.2) await join();
      if (random.next() < 0.1 && clients.length > 5) await clients.pop()!.client[Symbol.asyncDispose]();
    }
    // Every message has a result once each client got one; then all of them were received.
    for (let times = 0; times < 2; times++) await Promise.all(clients.map(({ client }) => client.settled()));
    const last = Math.max(...clients.flatMap(({ client }) => messages(client)));
    expect(last).toBeGreaterThan(said / 2);
    for (const { client, from } of clients) {
      expect(messages(client)).toEqual(numbers(from, last));
      const received = order(client);
      expect(received).toEqual(received.toSorted((a, b) => a - b));
    }
  },
);

describe("B1 M3 a receiver that does not keep up with a shared publish", () => {
  test("B1 M3 it is closed with 1013, its messages have no hole, and the others have all", async () => {
    await using server = await startTestServer({ env: OPEN });
    await using writer = await enter(server, "writer");
    await using stack = new AsyncDisposableStack();
    const readers: TestClient[] = [];
    for (const user of ["a", "b", "c", "d"]) readers.push(stack.use(await enter(server, user)));
    await using slow = await RawSocket.handshake(server.port, await targetOf(server, "slow"));
    await slow.waitForFrame("welcome");
    slow.stopReading();
    let count = 0;
    const ended = () => server.log.entries.find(({ event }) => event === "connection.closing");
    for (; ended() === undefined && count < 8_000; count++) {
      writer.send({ type: "message", text: "x".repeat(4_000), id: `m${count}` });
      if (count % 20 === 0) await writer.settled();
    }
    expect(ended()?.fields).toMatchObject({ user: "slow", close_code: 1013 });
    await writer.settled();
    await Promise.all(readers.map((reader) => reader.settled()));
    for (const reader of readers) expect(messages(reader)).toEqual(numbers(1, count));

    slow.socket.resume();
    expect(await slow.waitForClose()).toEqual({ code: 1013, reason: "too slow or overloaded" });
    const seqs = slow.frames.flatMap((frame) => (frame.type === "message" ? [frame.seq] : []));
    expect(seqs).toEqual(numbers(1, seqs.length));
  });
});
