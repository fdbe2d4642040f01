import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { z } from "zod";
import { errorsOf } from "../../docs/generate/http/refusals.ts";
import { VERBS } from "../../docs/generate/http/verbs.ts";
import { CLIENT_FRAMES } from "../../src/protocol/client-frames.ts";
import { CLOSE_CODES, FINAL_REGISTERED } from "../../src/protocol/close-codes.ts";
import { ERRORS, type ErrorEntry } from "../../src/protocol/errors.ts";
import { SERVER_FRAMES, WarningFrame } from "../../src/protocol/server-frames.ts";
import { PROTOCOL_REVISION, PROTOCOL_VERSION, SUBPROTOCOL } from "../../src/protocol/version.ts";
import { HTTP_VERBS } from "../../src/server/http/schemas/verbs.ts";
import { startFaultyProxy } from "../conformance/faulty-proxy.ts";
import { TestClient } from "../support/clients/test-client.ts";
import { startTestServer } from "../support/server/test-server.ts";
import { type Block, blocksOf, PROTOCOL_PAGES, ROOT, readPage, readProtocol, sectionOf } from "./pages.ts";

const page = readProtocol();
const SIDES = { Client: CLIENT_FRAMES, Server: SERVER_FRAMES } as const;
type Side = keyof typeof SIDES;
type FrameSchema = z.ZodObject<Record<string, z.ZodType>>;

/** Every frame of the code, as (side, type, schema). */
const frames = (Object.keys(SIDES) as Side[]).flatMap((side) =>
  Object.entries(SIDES[side]).map(
    ([type, schema]) => [side, type, schema as unknown as FrameSchema] as const,
  ),
);

/** The names in marks in the first cells of a table's rows: `` | `a`, `b?` | `` gives `a` and `b?`. */
function firstCells(section: string): string[] {
  return [...section.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  );
}

/** The examples of frames in a page: one for the block, or one for each of its lines. */
function examples(path: string): (readonly [Side, Record<string, unknown>])[] {
  return blocksOf(readPage(path)).flatMap(({ words: [language, side], text }: Block) => {
    if (language !== "json" || side === undefined) return [];
    const texts = text.startsWith("{\n") ? [text] : text.trim().split("\n");
    return texts.map((one) => [side === "client" ? "Client" : "Server", JSON.parse(one)] as const);
  });
}

/** A rule that no test can show yet, since nothing has events. */
const NO_EVENTS_YET = "N6";

const found = [...PROTOCOL_PAGES, "README.md"].flatMap(examples);

/** All numbers in `value`, at any depth, with the names of their fields. */
function numbersOf(value: unknown, name = ""): [string, number][] {
  if (typeof value === "number") return [[name, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => numbersOf(inner, key));
}

describe("the pages of the protocol and src/protocol agree", () => {
  test("every frame has a heading, and every heading a frame", () => {
    const headings = [...page.matchAll(/^## (Client|Server) `(\w+)`$/gm)].map(
      ([, side, type]) => `${side} ${type}`,
    );
    expect(headings.sort()).toEqual(frames.map(([side, type]) => `${side} ${type}`).sort());
  });

  test.each(frames)(
    "%s `%s`: the table has the fields of the schema, optional ones with a ?",
    (side, type, schema) => {
      const section = sectionOf(page, `## ${side} \`${type}\``).split("\n| code | what to do |")[0]!;
      const { type: _, ...fields } = schema.shape;
      const expected = Object.entries(fields).map(([name, field]) =>
        field.safeParse(undefined).success ? `${name}?` : name,
      );
      expect(firstCells(section).sort()).toEqual(expected.sort());
    },
  );

  test("no page of the protocol has 400 lines or more", () => {
    const lengths = PROTOCOL_PAGES.map((path) => [path, readPage(path).split("\n").length] as const);
    expect(lengths.filter(([, lines]) => lines >= 400)).toEqual([]);
  });

  test("every warning has a row, and every row a warning", () => {
    const table = sectionOf(page, "## Server `warning`").split("\n| code | what to do |")[1]!;
    expect(firstCells(table).sort()).toEqual([...WarningFrame.shape.code.options].sort());
  });

  test("every error code is documented where it occurs, and no other", () => {
    const named = [...sectionOf(page, "## Errors").matchAll(/`([a-z_]+)`/g)].map(([, code]) => code!);
    const codes = new Set(named.filter((name) => !["error", "closed", "closing", "data"].includes(name)));
    expect([...codes].sort()).toEqual(Object.keys(ERRORS).sort());
  });

  test("the rows of that table which follow from the code are as it is", () => {
    const section = sectionOf(page, "## Errors");
    const row = (where: string) => {
      const codes = section.split(`\n| ${where} | `)[1]!.split(" |\n")[0]!;
      return [...codes.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code!).sort();
    };
    const entries: readonly (readonly [string, ErrorEntry])[] = Object.entries(ERRORS);
    const closing = entries.filter(([, { close }]) => close !== undefined).map(([code]) => code);
    expect(row("`error` frame, then `closing` and the close")).toEqual(closing.sort());
    expect(row("`closed` frame, the socket stays")).toEqual(
      [...SERVER_FRAMES.closed.shape.code.unwrap().options].sort(),
    );
    // Another method is refused before a verb is found.
    const http = new Set<string>(["method_not_allowed"]);
    for (const verb of VERBS) for (const code of errorsOf(verb, HTTP_VERBS[verb.verb])) http.add(code);
    expect(row("HTTP answer otherwise")).toEqual([...http].sort());
  });

  test("every close code is listed, and no other; each list of the final ones is that of the code", () => {
    const section = sectionOf(page, "## Close codes");
    const table = [...section.matchAll(/^\| (\d[\d, ]*) \|/gm)].flatMap(([, codes]) => codes!.split(", "));
    expect([...new Set(table)].sort()).toEqual(Object.keys(CLOSE_CODES).sort());
    const lists = [
      section,
      readPage("docs/protocol/WRITE-A-CLIENT.md"),
      readPage("examples/listen.py"),
    ].flatMap((text) => text.match(/\b1000, 1002[\d,\s]*\d/g) ?? []);
    expect(lists.map((list) => list.replaceAll(/\s+/g, " "))).toEqual(
      Array(4).fill(FINAL_REGISTERED.join(", ")),
    );
  });

  test("every rule heads the title of a test, those of SECURITY.md too", () => {
    const rules = [page, readPage("docs/SECURITY.md")].flatMap((text) =>
      [...text.matchAll(/^- \*\*((?:SEC-)?[A-Z]+\d+)\*\* /gm)].map(([, id]) => id!),
    );
    const sources = [...new Bun.Glob("**/*.test.ts").scanSync(join(ROOT, "test"))]
      .concat([...new Bun.Glob("contracts/**/*.ts").scanSync(join(ROOT, "test"))])
      .map((path) => readPage(join("test", path)));
    const heads = sources.flatMap((source) =>
      [...source.matchAll(/["`]((?:(?:[A-Z]+-)?[A-Z]*\d+[ ,]+)+)/g)].flatMap(([, ids]) =>
        ids!.split(/[ ,]+/),
      ),
    );
    expect(rules.length).toBeGreaterThan(60);
    expect(rules.filter((id) => !heads.includes(id) && id !== NO_EVENTS_YET)).toEqual([]);
  });

  test("N1 a number that is a moment is called `at`, `since` or `until`, and no other number is one", () => {
    const numbers = found.flatMap(([, frame]) => numbersOf(frame));
    const moments = numbers.filter(([, value]) => value > Date.UTC(2001));
    expect(new Set(moments.map(([name]) => name))).toEqual(new Set(["at", "since", "until"]));
    expect(numbers.filter(([name, value]) => /^(at|since)$/.test(name) && value < Date.UTC(2001))).toEqual(
      [],
    );
  });

  test("N2 `seq`, `after` and `before` are whole numbers", () => {
    const named = found
      .flatMap(([, frame]) => numbersOf(frame))
      .filter(([name]) => /^(seq|after|before)$/.test(name));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(([, value]) => !Number.isInteger(value))).toEqual([]);
  });

  test("N5 no field of a frame is written in camelCase", () => {
    const names = frames.flatMap(([, , schema]) => Object.keys(schema.shape));
    expect(names.filter((name) => !/^[a-z]+(_[a-z]+)*$/.test(name))).toEqual([]);
  });

  test("N7 a page of a list has the list under its plural name, and `more`", () => {
    expect(Object.keys(SERVER_FRAMES.history.shape)).toEqual(expect.arrayContaining(["messages", "more"]));
  });

  test("the version is this one", () => {
    const section = sectionOf(page, "## Versions");
    expect(section).toContain(`This is version ${PROTOCOL_VERSION}: \`${SUBPROTOCOL}\``);
    expect(section).toContain(`revision ${PROTOCOL_VERSION}.${PROTOCOL_REVISION}`);
  });
});

describe("examples of frames", () => {
  test.each(found.map(([side, frame]) => [side, String(frame.type), frame] as const))(
    "%s `%s` is valid, and has no field that the schema does not know",
    (side, type, frame) => {
      const schema = (SIDES[side] as Record<string, z.ZodType>)[type]!;
      expect(schema.parse(frame)).toMatchObject(frame);
    },
  );

  test("every frame in use has an example", () => {
    const shown = new Set(found.map(([side, frame]) => `${side} ${frame.type}`));
    const later = [...sectionOf(page, "## Not implemented yet").matchAll(/^### (\w+) `(\w+)`$/gm)].map(
      ([, side, type]) => `${side} ${type}`,
    );
    const all = frames.map(([side, type]) => `${side} ${type}`);
    expect(all.filter((name) => !shown.has(name)).sort()).toEqual(later.sort());
  });
});

/** A Python with the library that the page's client uses; Debian's own has its packages, another one may come first. */
const python = ["/usr/bin/python3", "python3"].find(
  (command) => Bun.which(command) !== null && Bun.spawnSync([command, "-c", "import websockets"]).success,
);

describe("clients of one's own", () => {
  /** Runs the page's first program in `language` against `server`; it is ended with the test. */
  function startClient(
    language: "js" | "python",
    server: { readonly url: string },
    words: readonly string[] = [],
  ) {
    const folder = mkdtempSync(join(tmpdir(), "parley-client-"));
    const file = join(folder, "client");
    // Receivers of webhooks are programs, too.
    const isClient = ({ words: [name], text }: Block) => name === language && text.includes("PARLEY");
    writeFileSync(file, blocksOf(page).find(isClient)!.text);
    const command = language === "js" ? [process.execPath, "--no-env-file"] : [python!];
    const child = Bun.spawn([...command, file, ...words], {
      env: { ...process.env, PARLEY: server.url },
      stdin: "pipe",
      stdout: "pipe",
    });
    const output = child.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let printed = "";
    return {
      type(line: string): void {
        child.stdin.write(`${line}\n`);
        child.stdin.flush();
      },
      /** Reads its output until that contains `wanted`. */
      async prints(wanted: string): Promise<void> {
        while (!printed.includes(wanted)) {
          const { value, done } = await output.next();
          if (done) throw new Error(`The program ended; it printed: ${printed}`);
          printed += value;
        }
      },
      async [Symbol.asyncDispose]() {
        child.kill();
        await child.exited;
        rmSync(folder, { recursive: true });
      },
    };
  }

  test("D2 the JavaScript client signs in, sends its input, and prints messages", async () => {
    await using server = await startTestServer();
    await using client = startClient("js", server, ["user1", "password", "lobby"]);
    client.type("hello");
    await client.prints("1 user1: hello\n");
  });

  /** Waits until user2 has sent `text`. */
  async function answered(speaker: TestClient, text: string): Promise<void> {
    const isThere = () => speaker.of("message").some((one) => one.from === "user2" && one.text === text);
    while (!isThere()) await speaker.next("message");
  }

  /** Cuts the connection of a client whose join user3 sees, posts `text` meanwhile, and restores it. */
  async function throughACut(
    language: "js" | "python",
    text: string,
    seen: (client: ReturnType<typeof startClient>, speaker: TestClient) => Promise<void>,
  ): Promise<void> {
    await using server = await startTestServer();
    await using proxy = await startFaultyProxy(server.port, {});
    await using speaker = await TestClient.connect(
      `${server.wsUrl}/ws/user3/lobby?token=${await server.token("user3")}`,
    );
    await using client = startClient(language, proxy);
    await speaker.next("presence");
    speaker.send({ type: "message", text: "echo ready" });
    // Only a client that was welcomed has a position to resume.
    if (language === "js") await client.prints("1 user3: echo ready\n");
    else await answered(speaker, "ready");
    proxy.cut();
    speaker.send({ type: "message", text });
    await speaker.next("ack");
    proxy.mend();
    await seen(client, speaker);
  }

  test("D4 the JavaScript client prints messages sent while its connection was cut", () =>
    throughACut("js", "while away", (client) => client.prints("2 user3: while away\n")));

  test.skipIf(python === undefined)(
    "D4 the Python client replies to messages sent while its connection was cut",
    () => throughACut("python", "echo while away", (_, speaker) => answered(speaker, "while away")),
  );

  test.skipIf(python === undefined)(
    "D3 the Python client replies to the JavaScript client's messages",
    async () => {
      await using server = await startTestServer();
      await using watcher = await TestClient.connect(
        `${server.wsUrl}/ws/user3/lobby?token=${await server.token("user3")}`,
      );
      await using _python = startClient("python", server);
      await watcher.next("presence");
      await using client = startClient("js", server, ["user1", "password", "lobby"]);
      client.type("echo hello");
      await client.prints("user2: hello\n");
    },
  );
});
