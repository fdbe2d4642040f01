// Several who write, end and stop one stream at the same moment.
import { expect, test } from "bun:test";
import { CANCEL_GRACE_MS, DEFAULT_STREAM_RULES } from "../../../src/core/streams/draft.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { type OpenStreams, StreamSubject } from "./stream-subject.ts";

export function racingContract(open: OpenStreams): void {
  const moments = [
    ["its lease is over", DEFAULT_STREAM_RULES.lease],
    ["its writer had its time to stop", CANCEL_GRACE_MS],
  ] as const;
  for (const [what, after] of moments) {
    test(`ST1 ST3 ST4 ends, a sweep and a request to discard make one message when ${what}`, async () => {
      await using streams = await StreamSubject.begin(open);
      const { subject } = streams;
      const announced = await subject.subscribe();
      const events = streams.watch();
      const count = 6;
      const writers = [];
      for (let i = 0; i < count; i++) {
        const writer = await streams.open(`s${i}`);
        await streams.append(writer, { n: 1, text: `text ${i}` });
        if (after === CANCEL_GRACE_MS) await streams.cancel({ stream: writer.stream }, "anna");
        writers.push(writer);
      }
      // Each time another of them comes first.
      const ends = writers.map(async (writer, i) => {
        const { stream } = writer;
        const discard = () => streams.cancel({ stream }, "anna", { discard: true });
        if (i % 3 === 0) await Promise.all([streams.end(writer), discard(), streams.end(writer)]);
        if (i % 3 === 1) await Promise.all([discard(), streams.end(writer), discard()]);
        return await streams.end(writer);
      });
      subject.clock.advance(after + 1_000);
      for (const end of await Promise.all(ends)) expect(end.outcome).toBeOneOf(["fenced", "stored"]);
      await waitUntil("none is open", async () => (await streams.drafts()).length === 0);
      const { messages } = await subject.read();
      expect(messages.map(({ id }) => id).sort()).toEqual(writers.map((_, i) => `s${i}`));
      await waitUntil("all are announced", () => announced.received.length === count);
      expect(announced.received).toEqual(messages as never);
      for (const { id, seq, text, erased, stream } of messages) {
        expect(text).toBe(erased === undefined ? `text ${id.slice(1)}` : "");
        expect(events.filter((event) => event.type === "ended" && event.stream === stream?.stream)).toEqual([
          { type: "ended", conversation: "room", stream: stream!.stream, seq },
        ]);
      }
    });
  }

  test("ST2 appends of a writer who is taken over at that moment are stored before, or not at all", async () => {
    await using streams = await StreamSubject.begin(open);
    for (let round = 0; round < 10; round++) {
      const id = `s${round}`;
      const first = await streams.open(id);
      const [one, second, two] = await Promise.all([
        streams.append(first, { n: 1, text: "one" }),
        streams.start(id),
        streams.append(first, { n: 2, text: "two" }),
      ]);
      if (second.outcome !== "taken_over") throw new Error(JSON.stringify(second));
      const stored = [one, two].flatMap((result) => (result.outcome === "stored" ? [result.n] : []));
      expect(second.n).toBe(stored.at(-1) ?? 0);
      const { stream, generation, n } = second;
      const writer = { conversation: "room", stream, generation };
      expect(await streams.append(first, { n: n + 1, text: "late" })).toMatchObject({ outcome: "fenced" });
      expect(await streams.end(writer, { appends: [{ n: n + 1, text: "." }] })).toMatchObject({
        outcome: "stored",
      });
      const { messages } = await streams.subject.read();
      expect(messages.at(-1)?.text).toBe(`${["one", "two"].slice(0, n).join("")}.`);
    }
  });

  test("ST1 ST2 two starts of one id at once make one stream", async () => {
    await using streams = await StreamSubject.begin(open);
    const results = await Promise.all([streams.start("a"), streams.start("a"), streams.start("a")]);
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(["started", "taken_over", "taken_over"]);
    const drafts = await streams.drafts();
    expect(drafts).toMatchObject([{ id: "a", generation: 3 }]);
  });
}
