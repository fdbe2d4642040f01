// The code that the page shows for an action is run: with curl, with Python, and with the client library.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, startStream, watchMessages } from "../../../src/client/index.ts";
import {
  type Action,
  createAction,
  liftAction,
  memberAction,
  removeAction,
  sanctionAction,
  updateAction,
} from "../../../src/console/action/action.ts";
import { codeOf } from "../../../src/console/action/code.ts";
import {
  cancelAction,
  editAction,
  eraseAction,
  reactAction,
  sendAction,
  streamAction,
} from "../../../src/console/action/message-actions.ts";
import { becomes } from "../../support/clients/library.ts";
import { startTestServer, type TestServer } from "../../support/server/test-server.ts";

const TEXT = 'It\'s "quoted" & <b>, $HOME, `x`, 日本';

describe("an action in code", () => {
  let server: TestServer;
  let env: Record<string, string>;
  let group: string;

  beforeAll(async () => {
    server = await startTestServer();
    env = { ...(process.env as Record<string, string>), TOKEN: await server.token("ann") };
    const made = await api("POST", "/conversations", { access: "members", title: "Den" });
    group = made.conversation;
  });
  afterAll(() => server.stop());

  async function api(method: string, path: string, body?: object) {
    const answer = await fetch(url() + path, {
      method,
      headers: { Authorization: `Bearer ${env.TOKEN}`, "Content-Type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return await answer.json();
  }

  const url = () => server.url.replace(/\/$/, "");
  const textOf = (action: Action, name: string) =>
    codeOf(action, url()).find((code) => code.name === name)!.text;
  const run = async (command: string[], input = "") => {
    const child = Bun.spawn(command, { env, stdin: Buffer.from(input), stdout: "pipe", stderr: "pipe" });
    const [out, problem] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    expect([await child.exited, problem]).toEqual([0, expect.any(String)]);
    return out;
  };
  const curl = (action: Action) => run(["sh", "-ec", textOf(action, "curl").replace("curl ", "curl -fsS ")]);
  const python = (action: Action) => run(["python3", "-"], textOf(action, "Python"));
  const library = (action: Action) => {
    const source = textOf(action, "Library").replace(
      '"parley-client"',
      JSON.stringify(`${import.meta.dir}/../../../src/client/index.ts`),
    );
    return run([process.execPath, "--no-env-file", "run", "-"], source);
  };
  const texts = async () =>
    ((await api("GET", `/conversations/${group}/messages`)).messages as { text: string }[]).map(
      ({ text }) => text,
    );
  const people = async () =>
    ((await api("GET", `/conversations/${group}/members`)).members as { user: string; role: string }[])
      .map(({ user, role }) => `${user} ${role}`)
      .sort();

  test("as curl", async () => {
    await curl(sendAction("ann", group, { id: "m1", from: "ann", text: TEXT }));
    expect(await texts()).toEqual([TEXT]);
    await curl(memberAction("ann", group, "ben"));
    await curl(memberAction("ann", group, "ben", "moderator"));
    expect(await people()).toEqual(["ann owner", "ben moderator"]);
    await curl(sanctionAction("ann", group, "ben", "mute", 600));
    expect((await api("GET", `/conversations/${group}/mutes`)).mutes).toHaveLength(1);
    await curl(liftAction("ann", group, "ben", "mute"));
    expect((await api("GET", `/conversations/${group}/mutes`)).mutes).toEqual([]);
    await curl(removeAction("ann", group, "ben"));
    expect(await people()).toEqual(["ann owner"]);
  });

  test("ST1 a stream, as curl and as Python", async () => {
    const shown = streamAction("ann", group, { id: "m6", from: "ann", text: TEXT, reply_to: 1 });
    const commands = [
      ["curl", (code: string) => run(["sh", "-ec", code.replaceAll("curl ", "curl -sS ")])],
      ["Python", (code: string) => run(["python3", "-"], code)],
    ] as const;
    for (const [name, runCode] of commands) {
      const before = (await texts()).length;
      await runCode(textOf(shown, name).replaceAll(String(shown.body!.id), `${name}-1`));
      const { messages } = await api("GET", `/conversations/${group}/messages`);
      expect(messages.slice(before)).toMatchObject([{ text: TEXT, reply_to: 1, stream: { state: "done" } }]);
    }
  });

  test("an answer as curl names what it answers", async () => {
    const answer = sendAction("ann", group, { id: "m4", from: "ann", text: "yes", reply_to: 1 });
    await run(["sh", "-ec", textOf(answer, "curl").replace("curl ", "curl -sS ")]);
    const { messages } = await api("GET", `/conversations/${group}/messages`);
    expect(messages.at(-1)).toMatchObject({ text: "yes", reply_to: 1 });
  });

  test("as Python", async () => {
    const before = (await texts()).length;
    await python(
      sendAction("ann", group, { id: "m2", from: "ann", text: TEXT, data: { a: null, b: [true] } }),
    );
    expect((await texts()).slice(before)).toEqual([TEXT]);
    await python(updateAction("ann", group, { title: null }));
    expect(await api("GET", `/conversations/${group}`)).not.toHaveProperty("title");
    await python(updateAction("ann", group, { title: TEXT }));
    expect((await api("GET", `/conversations/${group}`)).title).toBe(TEXT);
    expect(await python(createAction("ann", "made", { direct: "ben" }, () => undefined))).toContain(
      '"direct":"ben"',
    );
  });

  test("with the client library", async () => {
    const before = (await texts()).length;
    await library(sendAction("ann", group, { id: "m3", from: "ann", text: TEXT, data: { a: 1 } }));
    expect((await texts()).slice(before)).toEqual([TEXT]);
    await library(memberAction("ann", group, "cat"));
    await library(sanctionAction("ann", group, "cat", "ban"));
    expect(await people()).toEqual(["ann owner"]);
    await library(liftAction("ann", group, "cat", "ban"));
    expect((await api("GET", `/conversations/${group}/bans`)).bans).toEqual([]);
  });

  test("ST4 a stream with the client library, and requests to stop one: with the library, curl and Python", async () => {
    const before = (await texts()).length;
    const action = streamAction("ann", group, { id: "m5", from: "ann", text: TEXT, reply_to: 1 });
    await library(action);
    const { messages } = await api("GET", `/conversations/${group}/messages`);
    expect(messages.slice(before)).toMatchObject([{ text: TEXT, reply_to: 1, stream: { state: "done" } }]);

    const parley = connect({ url: server.url, token: env.TOKEN! });
    const conversation = parley.conversation(group);
    const list = watchMessages(conversation);
    const end = list.subscribe(() => {});
    let { length } = messages;
    for (const runCode of [library, curl, python]) {
      const stream = startStream(conversation);
      // At once: a stream that was asked to stop is ended by the server soon.
      const ended = new Promise((resolve) => {
        stream.signal.addEventListener("abort", () => resolve(stream.end()));
      });
      await stream.write("On and on");
      const { entries } = await becomes(list, (value) => value.entries.at(-1)?.state === "streaming");
      await runCode(cancelAction("ann", group, "ann", entries.at(-1)!.streamId!));
      await ended;
      expect((await conversation.message(++length)).stream?.state).toBe("cancelled");
    }
    end();
    await parley.close();
  });

  test("CH4 changes of a message: with curl, with Python, and with the client library", async () => {
    const { seq } = await api("POST", `/conversations/${group}/messages`, { id: "changed", text: "before" });
    const entry = { seq: seq as number, id: "changed", from: "ann", text: "before" };
    const now = () => api("GET", `/conversations/${group}/messages/${seq}`);
    for (const [index, runCode] of [curl, python, library].entries()) {
      const rev = (await now()).edited?.rev ?? 0;
      await runCode(editAction("ann", group, entry, { text: `${TEXT} ${index}`, if_rev: rev }));
      expect((await now()).text).toBe(`${TEXT} ${index}`);
      await runCode(reactAction("ann", group, entry, "👍", true));
      expect((await now()).reactions).toEqual({ "👍": { count: 1, users: ["ann"] } });
      await runCode(reactAction("ann", group, entry, "👍", false));
      expect((await now()).reactions).toBeUndefined();
    }
    await curl(eraseAction("ann", group, entry, "a & b"));
    expect(await now()).toMatchObject({ text: "", erased: { by: "ann", reason: "a & b" } });
  });

  test("SEC-T7 has no token in it", () => {
    for (const { text } of codeOf(sendAction("ann", group, { id: "m", from: "ann", text: "x" }), url()))
      expect(text).not.toContain("eyJ");
  });
});
