import { describe, expect, test } from "bun:test";
import { connect, type Options, startStream, watchMembers } from "../../src/client/index.ts";
import { keepOpen, reaches } from "../support/clients/library.ts";
import { startTestServer } from "../support/server/test-server.ts";

/** Records the frames that are sent. */
function recordSent() {
  const sent: { readonly type: string; readonly conversations?: readonly { conversation: string }[] }[] = [];
  const trace: Options["trace"] = (direction, text) => {
    if (direction === "sent") sent.push(JSON.parse(text));
  };
  return { sent, trace };
}

/** JSON of more levels than the server reads: it refuses the frame without having read which conversation it names. */
function tooDeep(): Record<string, unknown> {
  let data = {};
  for (let level = 0; level < 200; level++) data = { data };
  return data;
}

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error) => error,
  );

describe("names", () => {
  test.each([".", "..", "", "a/b", "a b", "ü", "a".repeat(129)])(
    "a conversation cannot be called %j",
    (name) => {
      const parley = connect({ url: "http://127.0.0.1:1", token: "t" });
      expect(() => parley.conversation(name)).toThrow("does not match");
      expect(() => parley.conversation(name)).toThrow(expect.objectContaining({ code: "invalid" }));
    },
  );

  test("a member cannot be called `..`: the request would be one about the conversation itself", async () => {
    await using server = await startTestServer();
    const parley = connect({ url: server.url, token: await server.token("ann") });
    const { conversation } = await parley.create({ title: "Kept" });
    const members = watchMembers(parley.conversation(conversation));
    for (const change of [
      members.put,
      members.remove,
      members.mute,
      members.unmute,
      members.ban,
      members.unban,
    ])
      expect(await failure(change(".."))).toMatchObject({ code: "invalid" });
    expect(await parley.request("GET", `/conversations/${conversation}`)).toMatchObject({ title: "Kept" });
    await parley.close();
  });
});

describe("a refusal that names no conversation", () => {
  test("of a message, a change or a stream settles it, and holds up nothing", async () => {
    await using server = await startTestServer();
    const { sent, trace } = recordSent();
    const parley = connect({ url: server.url, token: await server.token("ann"), trace });
    const events: unknown[] = [];
    parley.on("error", (error) => events.push(error));
    const lobby = parley.conversation("lobby");
    const data = tooDeep();
    const refusal = { code: "too_large", conversation: "lobby" };
    const sending = [
      failure(lobby.send("", { data })),
      lobby.send("next"),
      parley.conversation("other").send("too"),
    ];
    expect(await Promise.all(sending)).toMatchObject([refusal, { seq: 1 }, { seq: 1 }]);
    expect(await failure(lobby.edit(1, { text: "", data }))).toMatchObject(refusal);
    expect(await failure(startStream(lobby, { data }).end())).toMatchObject(refusal);
    // A read mark that is no number is not sent without end.
    lobby.read(Number.NaN);
    await parley.ping();
    expect(sent.filter(({ type }) => type === "read")).toEqual([]);
    expect([events, parley.status.getSnapshot().state]).toEqual([[], "live"]);
    await parley.close();
  });

  test("MX2 of an `open` closes the conversation that it is about, and the others of its turn are opened", async () => {
    await using server = await startTestServer();
    const { sent, trace } = recordSent();
    const parley = connect({ url: server.url, token: await server.token("ann"), trace });
    const events: unknown[] = [];
    parley.on("error", (error) => events.push(error));
    const closed: string[] = [];
    parley.on("closed", ({ conversation, code }) => closed.push(`${conversation} ${code}`));
    // A place that was kept badly has the server refuse all of the frame.
    const after = { seq: -1, epoch: "e" };
    const all = Array.from({ length: 9 }, (_, number) =>
      parley.conversation(`c${number}`, number % 5 === 2 ? { after } : {}),
    );
    const [left, ...kept] = all.filter((_, number) => number % 5 !== 2);
    const bad = all.filter((_, number) => number % 5 === 2);
    const end = keepOpen(left!);
    for (const one of [...kept, ...bad]) keepOpen(one);
    await Promise.all([...kept, left!].map((one) => reaches(one, "live")));
    for (const one of bad) expect(await reaches(one, "closed")).toMatchObject({ code: "invalid" });
    expect([closed.sort(), events]).toEqual([["c2 invalid", "c7 invalid"], []]);
    end();
    // By halves, so that one of many does not cost a frame for each.
    const sizes = sent
      .filter(({ type }) => type === "open")
      .map(({ conversations }) => conversations!.length);
    expect(sizes.slice(0, 3)).toEqual([9, 5, 4]);
    await parley.close();
  });
});
