// The programs of docs/BACKEND.md, as processes beside a real server. All of them and the server are killed in the middle.
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXAMPLES_FOLDER, readExampleFiles } from "../../src/cli/commands/example-files.ts";
import { hashOfApiKey, newApiKey } from "../../src/server/authentication/api-keys.ts";
import { makeWebhookSecret } from "../../src/server/webhooks/signature.ts";
import { ParleyFolder } from "../cli/parley-folder.ts";
import { freePort } from "../support/free-port.ts";
import { isLong } from "../support/random.ts";
import { accepts } from "../support/redis/redis-server.ts";
import { SECRET } from "../support/server/test-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** Conversations that each of the two agents answers in. */
const CONVERSATIONS = 25;
/** Questions in each of them before, between and after the kills. */
const ROUNDS = 3;
/** A position of another store: what comes after it begins with `events.lost`. */
const FOREIGN = "1f0c9a52.100.17.1735689600000";
const KEY = newApiKey();
const APPROVAL_SECRET = makeWebhookSecret();

const folder = mkdtempSync(join(tmpdir(), "parley-backend-"));
/** All that were started, so that a test that fails leaves none. */
const everStarted: Program[] = [];
afterAll(async () => {
  await kill(everStarted);
  rmSync(folder, { recursive: true });
});

const node = Bun.which("node") ?? process.execPath;
const python = Bun.which("python3");
const LANGUAGES = [{ name: "mjs", run: node }, ...(python === null ? [] : [{ name: "py", run: python }])];

/** A program that is running. */
interface Program {
  /** What it has written to its standard error. */
  errors(): string;
  readonly child: Bun.Subprocess;
}

function start(file: string, args: readonly string[], env: Record<string, string>): Program {
  const run = file.endsWith(".py") ? python! : node;
  const child = Bun.spawn([run, join(EXAMPLES_FOLDER, "backend", file), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", PARLEY_API_KEY: KEY, ...env },
    stdout: "ignore",
    stderr: "pipe",
  });
  let written = "";
  void (async () => {
    for await (const chunk of child.stderr) written += new TextDecoder().decode(chunk);
  })();
  const program = { child, errors: () => written };
  everStarted.push(program);
  return program;
}

async function kill(programs: readonly Program[]): Promise<void> {
  for (const { child } of programs) child.kill("SIGKILL");
  await Promise.all(programs.map(({ child }) => child.exited));
}

interface Message {
  readonly conversation: string;
  readonly seq: number;
  readonly text: string;
}

/** What the CRM in JavaScript has written. */
function readLines(): Message[] {
  const pages = readFileSync(join(folder, "crm.jsonl"), "utf8").trimEnd().split("\n");
  return pages
    .flatMap((line) => JSON.parse(line).events ?? [])
    .filter(({ type }) => type === "message.created")
    .map(({ conversation, message: { seq, text } }) => ({ conversation, seq, text }));
}

/** What the CRM in Python has written. */
function readTable(): Message[] {
  using database = new Database(join(folder, "crm.db"));
  return database.query("SELECT conversation, seq, text FROM message ORDER BY rowid").all() as Message[];
}

test("EV1 EV2 AP1 the programs of docs/BACKEND.md miss nothing and do nothing twice, over kill -9 of all of them and of the server", async () => {
  await using home = new ParleyFolder();
  const [port, ...moderationPorts] = await Promise.all([freePort(), ...LANGUAGES.map(() => freePort())]);
  const env = { PARLEY_URL: `http://127.0.0.1:${port}` };
  const moderationUrl = (at: number) => `http://127.0.0.1:${moderationPorts[at]}`;
  const ask = (method: string, path: string, body?: unknown) =>
    fetch(env.PARLEY_URL + path, {
      method,
      headers: { Authorization: `Bearer ${KEY}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const serve = (moderation: number) =>
    home.serve([], {
      ...{ PORT: String(port), SECRET_KEY: SECRET, DEMO_ACCOUNTS: "false", LOG_LEVEL: "error" },
      ...{ API_KEYS: `ops:${hashOfApiKey(KEY)}:read+write+manage`, WEBHOOK_ALLOW_PRIVATE: "true" },
      ...{ APPROVAL_URL: `${moderationUrl(moderation)}/approve`, APPROVAL_SECRET },
    });
  let server = await serve(0);
  const webhook = { id: "flags", url: `${moderationUrl(0)}/flags`, types: ["message.reacted"] };
  const { secret: WEBHOOK_SECRET } = (await (await ask("POST", "/webhooks", webhook)).json()) as {
    secret: string;
  };
  const programs: Program[] = [];
  const startModeration = async (at: number) => {
    const secrets = { APPROVAL_SECRET, WEBHOOK_SECRET, PORT: String(moderationPorts[at]) };
    programs.push(start(`moderation.${LANGUAGES[at]!.name}`, [], { ...env, ...secrets }));
    await waitUntil("the moderation listens", () => accepts(moderationPorts[at]!));
  };
  const startReaders = () => {
    const started = LANGUAGES.flatMap(({ name }) => [
      start(`crm.${name}`, [name === "mjs" ? "crm.jsonl" : "crm.db"], env),
      start(`agent.${name}`, [`${name}-*`, `${name}.position`], { ...env, AGENT: "agent" }),
    ]);
    programs.push(...started);
    return started;
  };
  const names = LANGUAGES.flatMap(({ name }) =>
    Array.from({ length: CONVERSATIONS }, (_, n) => `${name}-${n}`),
  );
  const askQuestions = async (round: number) => {
    const items = names.map((conversation) => ({
      conversation,
      id: `q-${round}`,
      from: "ann",
      text: `${round}`,
    }));
    for (let first = 0; first < items.length; first += 100) {
      const batch = items.slice(first, first + 100);
      // A busy machine may take too long to approve some; under its id a message is stored once.
      await waitUntil("the questions are stored", async () => {
        const { results } = (await (await ask("POST", "/messages", batch)).json()) as {
          results: { seq?: number }[];
        };
        return results.every(({ seq }) => seq !== undefined);
      });
    }
  };
  /** What the moderation service does for the conversation `room`. */
  const moderate = async (at: number, room: string) => {
    const say = async (from: string, text: string) => {
      const answer = await ask("POST", `/conversations/${room}/messages`, { from, text });
      return (await answer.json()) as { seq: number; code?: string; reason?: string };
    };
    const unsigned = await fetch(`${moderationUrl(at)}/approve`, {
      method: "POST",
      body: '{"type":"message"}',
    });
    expect(unsigned.ok).toBe(false);
    for (const text of ["4111 1111 1111 1111 123", "my 378282246310005!", "5555-5555-5555-4444"])
      expect(await say("ann", text)).toMatchObject({ code: "rejected", reason: "No card numbers, please." });
    for (const text of ["4111 1111 1111 1112", "44111111111111111", "ü 4111"])
      expect(await say("ann", text)).not.toHaveProperty("code");
    const { seq } = await say("ben", "You are all stupid.");
    for (const user of ["ann", "cem", "dan"]) {
      expect(await read(room)).toContainEqual(expect.objectContaining({ seq, text: "You are all stupid." }));
      await ask("PUT", `/conversations/${room}/messages/${seq}/reactions/🚩?from=${user}`);
    }
    await waitUntil("it is erased", async () =>
      (await read(room)).some((each) => each.seq === seq && each.text === ""),
    );
  };
  const read = async (conversation: string) => {
    const page = await (await ask("GET", `/conversations/${conversation}/messages?limit=200`)).json();
    return (page as { messages: (Message & { from: string; reply_to?: number })[] }).messages;
  };

  // The CRMs begin with a position of another store.
  writeFileSync(join(folder, "crm.jsonl"), `{"position":"${FOREIGN}"}\n`);
  const crms = startReaders().filter((_, at) => at % 2 === 0);
  await startModeration(0);
  await waitUntil("the agents have begun", () =>
    LANGUAGES.every(({ name }) => existsSync(join(folder, `${name}.position`))),
  );
  await waitUntil("the loss is reported", () =>
    crms[0]!.errors().includes("Read the history of the conversations"),
  );
  const positions = LANGUAGES.map(({ name }) => join(folder, `${name}.position`));
  const begun = positions.map((file) => readFileSync(file, "utf8"));
  await askQuestions(0);
  await waitUntil("all of them work", async () => {
    const isRead = LANGUAGES.every(({ name }) => (name === "mjs" ? readLines : readTable)().length > 0);
    return (
      isRead &&
      (await Promise.all(LANGUAGES.map(({ name }) => read(`${name}-0`)))).every(({ length }) => length === 2)
    );
  });
  await kill(programs.splice(0));
  // As if they had been killed before they kept a position, and in the middle of a line.
  for (const [at, file] of positions.entries()) writeFileSync(file, begun[at]!);
  appendFileSync(join(folder, "crm.jsonl"), '{"events":[{"id":"half a');
  await startModeration(0);
  await askQuestions(1);
  startReaders();
  await moderate(0, "room-0");

  // A key that is refused ends them with the reason.
  const unknown = { ...env, PARLEY_API_KEY: newApiKey() };
  for (const { name } of LANGUAGES)
    for (const refused of [
      start(`crm.${name}`, ["refused"], unknown),
      start(`agent.${name}`, ["*", "refused.position"], unknown),
    ]) {
      expect(await refused.child.exited).not.toBe(0);
      await waitUntil("it says why", () => refused.errors().includes("unauthorized"));
    }

  server.process.kill("SIGKILL");
  await server.process.exited;
  const last = LANGUAGES.length - 1;
  server = await serve(last);
  await ask("PATCH", "/webhooks/flags", { url: `${moderationUrl(last)}/flags` });
  if (last > 0) await startModeration(last);
  await askQuestions(2);
  await moderate(last, "room-1");

  const stored: Message[] = [];
  for (const conversation of [...names, "room-0", "room-1"]) {
    const isRoom = conversation.startsWith("room");
    const expected = isRoom ? 4 : 2 * ROUNDS;
    await waitUntil(
      `all is answered in ${conversation}`,
      async () => (await read(conversation)).length >= expected,
    );
    const messages = await read(conversation);
    expect(messages).toHaveLength(expected);
    stored.push(...messages.map(({ seq, text }) => ({ conversation, seq, text })));
    const questions = messages.filter(({ from }) => from === "ann").map(({ seq }) => seq);
    const answers = messages.filter(({ from }) => from === "agent").map(({ reply_to }) => reply_to);
    if (!isRoom) expect(answers).toEqual(questions);
  }
  const byPlace = (messages: readonly Message[]) =>
    Object.groupBy(messages, ({ conversation }) => conversation);
  await waitUntil("the CRM has all", () => readLines().length >= stored.length);
  const withoutText = ({ conversation, seq }: Message) => ({ conversation, seq, text: "" });
  expect(byPlace(readLines().map(withoutText))).toEqual(byPlace(stored.map(withoutText)));
  if (python !== null) {
    await waitUntil("the other one, too, with what was erased", () => {
      expect(byPlace(readTable())).toEqual(byPlace(stored));
      return true;
    });
  }
  // An erasure of a person reaches the table, where the rest of the message stays.
  expect((await ask("POST", "/users/ben/erase")).status).toBe(200);
  const namesOf = (text: string) => {
    using database = new Database(join(folder, "crm.db"));
    const query = database.query("SELECT DISTINCT user FROM message WHERE conversation = ? AND text = ''");
    return query.all(text).map((row) => (row as { user: string }).user);
  };
  if (python !== null)
    for (const room of ["room-0", "room-1"])
      await waitUntil("the name is gone", () => String(namesOf(room)) === "~erased");
  await kill(programs);
}, 120_000);

test.skipIf(!isLong)(
  "the agents answer in a thousand conversations each, in their order, and go on there after kill -9",
  async () => {
    await using home = new ParleyFolder();
    const server = await home.serve([], {
      ...{ SECRET_KEY: SECRET, DEMO_ACCOUNTS: "false", LOG_LEVEL: "error" },
      API_KEYS: `ops:${hashOfApiKey(KEY)}:read+write+manage`,
    });
    const ask = (path: string, body?: unknown) =>
      fetch(server.url + path, {
        method: body === undefined ? "GET" : "POST",
        headers: { Authorization: `Bearer ${KEY}` },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const startAgents = async () => {
      const started = LANGUAGES.map(({ name }) =>
        start(`agent.${name}`, [`${name}-*`, `thousand.${name}`], { PARLEY_URL: server.url, AGENT: "agent" }),
      );
      await waitUntil("they have begun", () =>
        LANGUAGES.every(({ name }) => existsSync(join(folder, `thousand.${name}`))),
      );
      return started;
    };
    const names = LANGUAGES.flatMap(({ name }) => Array.from({ length: 1_000 }, (_, n) => `${name}-${n}`));
    let agents = await startAgents();
    for (const text of ["one", "two", "three"])
      for (let first = 0; first < names.length; first += 100) {
        const batch = names
          .slice(first, first + 100)
          .map((conversation) => ({ conversation, from: "ann", text }));
        expect((await ask("/messages", batch)).status).toBe(200);
        if (text !== "two" || first !== 1_000) continue;
        await kill(agents);
        agents = await startAgents();
      }
    for (const conversation of names) {
      let messages: { seq: number; from: string; reply_to?: number }[] = [];
      await waitUntil(`all is answered in ${conversation}`, async () => {
        const page = await ask(`/conversations/${conversation}/messages?limit=200`);
        ({ messages } = (await page.json()) as { messages: typeof messages });
        return messages.length >= 6;
      });
      const questions = messages.filter(({ from }) => from === "ann").map(({ seq }) => seq);
      expect(messages.filter(({ from }) => from === "agent").map(({ reply_to }) => reply_to)).toEqual(
        questions,
      );
    }
    await kill(agents);
  },
  300_000,
);

test("each of them says what to set when its keys are missing", async () => {
  const files = LANGUAGES.flatMap(({ name }) => [`crm.${name}`, `agent.${name}`, `moderation.${name}`]);
  const programs = files.map((file) => start(file, ["missing", "missing"], { PARLEY_API_KEY: "" }));
  for (const { child, errors } of programs) {
    expect(await child.exited).toBe(1);
    await waitUntil("it says so", () => /Set (PARLEY_API_KEY|all three)\./.test(errors()));
  }
});

test("each of them has fewer than 40 lines", () => {
  const files = readExampleFiles().filter(({ name }) => name.startsWith("backend/"));
  expect(files).toHaveLength(6);
  for (const { text } of files) expect(text.split("\n").length - 1).toBeLessThan(40);
});
