// A writer at 150 tokens a second and three readers, on a slow line, late, and cut again and again: all end with the same text.
import { expect, test } from "bun:test";
import { connect, type Entry, startStream, watchMessages } from "../../../src/client/index.ts";
import { keepOpen, reaches } from "../../support/clients/library.ts";
import { isLong, Random, seeds } from "../../support/random.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { FaultProxy } from "../fault-proxy.ts";
import { RUN_TIMEOUT_MS } from "../timeouts.ts";
import { SlowLine } from "./slow-line.ts";

const TOKENS_PER_S = 150;
const SECONDS = isLong ? 60 : 4;
const CUT_INTERVAL_MS = isLong ? 2_000 : 700;
/** 50 kbit/s. */
const SLOW_BYTES_PER_S = 50_000 / 8;

const WORDS = ["one ", "zwei ", "три ", "四", "🙂 ", "\n", '"5" '];

/** A reader of the lobby, through `port`. */
async function read(server: TestServer, user: string, port: number) {
  const parley = connect({ url: `ws://127.0.0.1:${port}`, token: await server.token(user) });
  const lobby = parley.conversation("lobby");
  const list = watchMessages(lobby);
  const shown: Entry[] = [];
  list.subscribe(({ entries }) => {
    const last = entries.at(-1);
    if (last !== undefined) shown.push(last);
  });
  keepOpen(lobby);
  await reaches(lobby, "live");
  return { parley, shown, last: () => list.getSnapshot().entries.at(-1) };
}

for (const seed of seeds(20_261_130))
  test(
    `ST1 ST5 readers on a slow line, late and cut end with the writer's text, byte for byte (seed ${seed})`,
    async () => {
      const random = new Random(seed);
      await using server = await startTestServer();
      const port = Number(new URL(server.url).port);
      await using slow = await SlowLine.open(port, SLOW_BYTES_PER_S);
      await using cut = await FaultProxy.start();
      cut.target = port;
      const readers = [await read(server, "slow", slow.port), await read(server, "cut", cut.port)];
      const writer = connect({ url: server.url, token: await server.token("writer") });
      const stream = startStream(writer.conversation("lobby"));

      const tokens = Array.from({ length: TOKENS_PER_S * SECONDS }, () => random.pick(WORDS));
      const cuts = setInterval(() => {
        for (const connection of cut.connections) connection.reset();
      }, CUT_INTERVAL_MS);
      const startedAt = performance.now();
      for (const [i, token] of tokens.entries()) {
        await Bun.sleep(Math.max(0, startedAt + (i * 1000) / TOKENS_PER_S - performance.now()));
        await stream.write(token);
        if (i === tokens.length >> 1) readers.push(await read(server, "late", port));
      }
      const { seq } = await stream.end();
      clearInterval(cuts);

      const text = tokens.join("");
      for (const { last } of readers)
        await waitUntil("the message is stored", () => last()?.state === "stored");
      for (const { last, shown } of readers) {
        expect(last()).toMatchObject({ seq, text, stream: { state: "done" } });
        // All that was shown meanwhile was the beginning of it, and it only grew.
        expect(shown.every((entry) => text.startsWith(entry.text))).toBe(true);
        expect(shown.filter(({ state }) => state === "streaming").length).toBeGreaterThan(2);
        const lengths = shown.map((entry) => entry.text.length);
        expect(lengths).toEqual(lengths.toSorted((one, other) => one - other));
      }
      await Promise.all([writer, ...readers.map(({ parley }) => parley)].map((parley) => parley.close()));
    },
    RUN_TIMEOUT_MS,
  );
