import { expect, test } from "bun:test";
import type { Entry } from "../../../src/core/conversation/entry.ts";
import type { PostRequest, PostResult } from "../../../src/core/ports/message-log.ts";
import { Random, seeds } from "../../support/random.ts";
import { type OpenEngine, Subject } from "./subject.ts";

/** Bodies that nothing could parse and encode again without a change; the last one is no JSON at all. */
const BODIES = [
  '"text":"hello"',
  '"text" : "spaces",  "data": { "n": 1.50e3, "n": 2 }',
  String.raw`"text":"\u0041\/\ud83d\ude42 \t \\t \"","data":{"__proto__":{}}`,
  '"text":"grüß 🙂 \u2028 \u007f"',
  `"text":"${"x".repeat(30_000)}"`,
  "] no JSON at all } 1 2 3",
];

function post({ engine }: Subject, request: PostRequest): Promise<PostResult> {
  return new Promise((resolve) => engine.post(request, resolve));
}

async function announced({ engine }: Subject): Promise<Entry[]> {
  const entries: Entry[] = [];
  await engine.subscribe("room", (_, entry) => entries.push(entry));
  return entries;
}

/** An engine stores an entry's body and returns it byte for byte; what it holds is no matter of the engine's. */
export function entriesContract(open: OpenEngine): void {
  test("D1 D2 a body comes back byte for byte: announced, in pages, in history, after reopening", async () => {
    await using subject = await Subject.open(open);
    const received = await announced(subject);
    const ids = BODIES.map((_, i) => `${i} "quoted" \\ id`);
    const results = await Promise.all(
      BODIES.map((body, i) =>
        post(subject, {
          conversation: "room",
          user: "team:anna@x",
          id: ids[i]!,
          kind: "message",
          body,
          limit: 0,
        }),
      ),
    );
    const expected = BODIES.map((body, i): Entry => {
      const result = results[i]!;
      if (result.outcome !== "stored") throw new Error(result.outcome);
      return { kind: "message", seq: i + 1, id: ids[i]!, from: "team:anna@x", at: result.at, body };
    });
    expect(received).toEqual(expected);
    for (const round of ["at work", "reopened"]) {
      expect([round, await subject.engine.page("room", 0, BODIES.length, 200)]).toEqual([round, expected]);
      for (const range of [{}, { after: 0 }]) {
        const history = await subject.history(range);
        expect([round, history]).toEqual([
          round,
          { outcome: "read", entries: expected, more: false, quota: null },
        ]);
      }
      await subject.reopen();
    }
  });

  for (const seed of seeds(61, 62)) {
    test(`D1 random bodies and ids come back as they were posted (seed ${seed})`, async () => {
      await using subject = await Subject.open(open);
      const random = new Random(seed);
      const received = await announced(subject);
      // All that a body may hold: characters from U+0020 on, those of two units too.
      const text = (length: number, highest: number) =>
        Array.from({ length }, () => {
          const code = random.between(0x20, highest);
          return String.fromCodePoint(code >= 0xd800 && code <= 0xdfff ? 0x1f600 : code);
        }).join("");
      const requests = Array.from({ length: 60 }, (_, i): PostRequest => {
        const id = `${i}${text(random.between(0, 50), 0x7e)}`;
        const body = text(random.between(0, 300), random.pick([0x7e, 0xff, 0xffff, 0x1f9ff]));
        return { conversation: "room", user: `user.${i % 3}`, id, kind: "message", body, limit: 0 };
      });
      await Promise.all(requests.map((request) => post(subject, request)));
      const contents = (entries: readonly Entry[]) => entries.map(({ from, id, body }) => [from, id, body]);
      const expected = requests.map(({ user, id, body }) => [user, id, body]);
      expect(contents(received)).toEqual(expected);
      expect(contents((await subject.engine.page("room", 0, 60, 200))!)).toEqual(expected);
    });
  }
}
