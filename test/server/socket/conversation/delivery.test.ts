import { expect, test } from "bun:test";
import { SOCKETS } from "../../../support/clients/sockets.ts";
import { startTestServer } from "../../../support/server/test-server.ts";

test.each(SOCKETS)(
  "D1 D2 all clients see the messages of a conversation in one order, and the sender its acks in that order (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer();
    const address = async (user: string) =>
      `${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}`;
    await using anna = await connect(await address("anna"));
    await using ben = await connect(await address("ben"));
    for (let i = 0; i < 20; i++) {
      anna.send({ type: "message", text: `a${i}`, id: `a${i}` });
      ben.send({ type: "message", text: `b${i}`, id: `b${i}` });
    }
    await anna.settled();
    await ben.settled();
    await anna.settled();
    const order = anna.of("message").map(({ seq, id }) => `${seq} ${id}`);
    expect(order).toHaveLength(40);
    expect(anna.of("message").map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(ben.of("message").map(({ seq, id }) => `${seq} ${id}`)).toEqual(order);
    for (const client of [anna, ben]) {
      const seqs = client.frames.flatMap((frame) =>
        frame.type === "ack" || frame.type === "message" ? [frame.seq] : [],
      );
      expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
      expect(client.of("ack")).toHaveLength(20);
    }
  },
);

test.each(SOCKETS)(
  "D3 Q2 a repeated id is stored, delivered and charged once, and acked with the same seq (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer();
    const token = await server.token("anna");
    await using anna = await connect(`${server.wsUrl}/ws/anna/lobby?token=${token}`);
    anna.send({ type: "message", text: "once", id: "m1" });
    const first = await anna.next("ack");
    expect(first.duplicate).toBeUndefined();
    await using again = await connect(`${server.wsUrl}/ws/anna/lobby?token=${token}`);
    again.send({ type: "message", text: "once", id: "m1" });
    const repeat = await again.next("ack");
    expect(repeat).toMatchObject({ id: "m1", seq: first.seq, at: first.at, duplicate: true });
    expect(repeat.quota?.remaining).toBe(first.quota!.remaining);
    await again.settled();
    expect(again.of("message")).toHaveLength(0);
    expect(anna.of("message")).toHaveLength(1);
  },
);

test.each(SOCKETS)(
  "P1 members see a user join and leave once, whatever the number of tabs (%s)",
  async (_kind, connect) => {
    await using server = await startTestServer();
    const address = async (user: string) =>
      `${server.wsUrl}/ws/${user}/lobby?token=${await server.token(user)}`;
    await using anna = await connect(await address("anna"));
    const tabs = [await connect(await address("ben")), await connect(await address("ben"))];
    expect(await anna.next("presence")).toMatchObject({ user: "ben", state: "joined" });
    await tabs[0]![Symbol.asyncDispose]();
    await anna.settled();
    expect(anna.of("presence")).toHaveLength(1);
    await tabs[1]![Symbol.asyncDispose]();
    expect(await anna.next("presence")).toMatchObject({ user: "ben", state: "left" });
  },
);
