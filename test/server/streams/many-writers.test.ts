import { expect, test } from "bun:test";
import { join } from "../../support/clients/join.ts";
import { startTestServer } from "../../support/server/test-server.ts";

const WRITERS = 20;
const READERS = 5;
const APPENDS = 30;

/** What it costs is measured by bench/standalone/streams.ts. */
test("ST7 many writers at once each reach five readers, with nothing missing, twice or mixed up", async () => {
  await using server = await startTestServer();
  const rooms = await Promise.all(
    Array.from({ length: WRITERS }, async (_, i) => ({
      writer: await join(server, `writer-${i}`, { conversation: `room-${i}` }),
      readers: await Promise.all(
        Array.from({ length: READERS }, (_, reader) =>
          join(server, `reader-${i}-${reader}`, { conversation: `room-${i}`, query: "&streams=1" }),
        ),
      ),
    })),
  );
  const texts = await Promise.all(
    rooms.map(async ({ writer }, i) => {
      writer.send({ type: "stream_start", id: "a1" });
      const { stream } = await writer.next("stream_started");
      const tokens = Array.from({ length: APPENDS }, (_, n) => `${i}.${n + 1} `);
      // In turns with the others, as tokens of many models come.
      for (const [n, text] of tokens.entries()) {
        writer.send({ type: "stream_append", stream, n: n + 1, text });
        await Bun.sleep(0);
      }
      writer.send({ type: "stream_end", stream });
      await writer.next("ack");
      return tokens.join("");
    }),
  );
  for (const [i, { readers }] of rooms.entries())
    for (const reader of readers) {
      const { text: stored } = await reader.next("message");
      const shown = reader.frames
        .map((frame) => (frame.type === "stream" || frame.type === "stream_append" ? frame.text : ""))
        .join("");
      expect(stored).toBe(texts[i]!);
      expect(texts[i]!.startsWith(shown)).toBe(true);
    }
  for (const { writer, readers } of rooms)
    for (const client of [writer, ...readers]) await client[Symbol.asyncDispose]();
});
