import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { connect, type Entry, watchMessages } from "../../src/client/index.ts";
import { ParleyFolder } from "../cli/parley-folder.ts";
import { freePort } from "../support/free-port.ts";
import { SECRET } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { makeExampleFolder, python } from "./example-folder.ts";

let folder: string;
beforeAll(async () => {
  folder = await makeExampleFolder();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The agents by the conversation that each answers. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  js: [process.execPath, "--no-env-file", "agent.mjs", "js"],
  ...(python && { python: [python, "agent.py", "agent", "python"] }),
  ...(python && { http: [python, "agent-http.py", "http"] }),
};

/** The whole answer to a question, without the blank at its end. */
const answerTo = (question: string) => `You said: ${question}. I say it once more: ${question}.`;

test("ST2 ST3 all agents answer each message once, over kill -9 of the server and of themselves, and can be stopped", async () => {
  await using home = new ParleyFolder();
  const settings = {
    PORT: String(await freePort()),
    SECRET_KEY: SECRET,
    PLANS: "free:0:0",
    DEFAULT_PLAN: "free",
    STREAM_LEASE: "600",
  };
  let server = await home.serve([], settings);
  const tokenOf = async (user: string) => (await home.run(["token", user], { env: settings })).stdout.trim();
  const [agentToken, annToken] = await Promise.all([tokenOf("agent"), tokenOf("ann")]);
  const parley = connect({ url: server.url, token: annToken });
  const agents = Object.entries(COMMANDS).map(([name, command]) => {
    const conversation = parley.conversation(name);
    const list = watchMessages(conversation);
    list.subscribe(() => {});
    const start = () =>
      Bun.spawn([...command], {
        cwd: folder,
        env: {
          PATH: process.env.PATH ?? "",
          PARLEY_URL: server.url,
          PARLEY_TOKEN: agentToken,
          TOKEN_MS: "30",
          // Of the package websockets, in seconds: between tries to connect.
          WEBSOCKETS_BACKOFF_INITIAL_DELAY: "0.5",
          WEBSOCKETS_BACKOFF_MIN_DELAY: "0.5",
        },
        stdout: "ignore",
        stderr: "ignore",
      });
    let process_ = start();
    const answers = () => list.getSnapshot().entries.filter(({ from }) => from === "agent");
    const answerOf = (seq: number) => answers().find(({ reply_to }) => reply_to === seq);
    return {
      conversation,
      answers,
      ask: async (text: string) => (await conversation.send(text)).seq,
      grows: async (seq: number): Promise<Entry> => {
        await waitUntil(`${name} writes an answer to ${seq}`, () => (answerOf(seq)?.text.length ?? 0) > 10);
        return answerOf(seq)!;
      },
      ends: async (seq: number): Promise<Entry> => {
        await waitUntil(`${name} has answered ${seq}`, () => answerOf(seq)?.state === "stored");
        return answerOf(seq)!;
      },
      kill: async () => {
        process_.kill("SIGKILL");
        await process_.exited;
      },
      start: () => {
        process_ = start();
      },
    };
  });
  const each = (task: (agent: (typeof agents)[number]) => Promise<unknown>) => Promise.all(agents.map(task));
  const question = "what is a conversation that many people and programs share";

  // The server is killed: the writer takes over its own answer.
  await each(async (agent) => agent.grows(await agent.ask(question)));
  server.process.kill("SIGKILL");
  await server.process.exited;
  server = await home.serve([], settings);
  await each(async (agent) => expect((await agent.ends(1)).text.trimEnd()).toBe(answerTo(question)));

  // The agent is killed: it answers what it had begun, and what came meanwhile.
  await each(async (agent) => {
    await agent.grows(await agent.ask(question));
    await agent.kill();
    const last = await agent.ask("and now");
    agent.start();
    expect((await agent.ends(last - 1)).text.trimEnd()).toBe(answerTo(question));
    expect((await agent.ends(last)).text.trimEnd()).toBe(answerTo("and now"));
  });

  // A reader stops it.
  const long = "word ".repeat(300);
  await each(async (agent) => {
    const seq = await agent.ask(long);
    await agent.conversation.cancel(await agent.grows(seq));
    const stopped = await agent.ends(seq);
    expect(stopped.stream?.state).toBe("cancelled");
    expect(stopped.text.length).toBeLessThan(long.length);
    expect(agent.answers().map(({ reply_to }) => reply_to)).toEqual([1, 3, 4, 7]);
    await agent.kill();
  });
  await parley.close();
});
