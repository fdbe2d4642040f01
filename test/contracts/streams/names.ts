import { expect, test } from "bun:test";
import { type OpenStreams, StreamSubject } from "./stream-subject.ts";

export function namesContract(open: OpenStreams): void {
  test("ST2 D3 a message with the id of an open stream is refused, uncharged, and later a duplicate of its message", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const writer = await streams.open("a");
    expect(await subject.post("a")).toEqual({ outcome: "id_in_use" });
    expect(await subject.post("a", { user: "ben" })).toMatchObject({ outcome: "stored", seq: 1 });
    await streams.end(writer);
    expect(await subject.post("a")).toMatchObject({
      outcome: "duplicate",
      seq: 2,
      quota: { remaining: 999 },
    });
  });

  test("ST2 starts, messages and ends that arrive in one turn take effect in their order", async () => {
    await using streams = await StreamSubject.begin(open);
    const { subject } = streams;
    const order: string[] = [];
    const noted = async <T extends { outcome: string }>(what: string, result: Promise<T>): Promise<T> => {
      const { outcome } = await result;
      order.push(`${what} ${outcome}`);
      return result;
    };
    const writer = await streams.open("old");
    await Promise.all([
      noted("message", subject.post("m1")),
      noted("start", streams.start("a")),
      noted("message", subject.post("a")),
      noted("start", streams.start("a")),
      noted("end", streams.end(writer, { appends: [{ n: 1, text: "x" }] })),
      noted("start", streams.start("old")),
      noted("message", subject.post("m2")),
    ]);
    expect(order).toEqual([
      ...["message stored", "start started", "message id_in_use", "start taken_over"],
      ...["end stored", "start duplicate", "message stored"],
    ]);
    expect((await subject.read()).messages.map(({ id }) => id)).toEqual(["m1", "old", "m2"]);
  });
}
