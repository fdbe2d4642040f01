import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../docs/pages.ts";
import { PACKAGE_FOLDERS, readPackages, type Tarballs } from "../support/packages.ts";
import { isLong } from "../support/random.ts";
import { startTestServer } from "../support/server/test-server.ts";

/** Both packages have the library; each names it in its own way. */
const PACKAGES = [
  { name: "parley-client", specifier: "parley-client" },
  { name: "parley", specifier: "parley/client" },
] as const;

const BOTH = PACKAGES.map(({ name, specifier }) => [specifier, name] as const);

/** The program is the same in both, in many files or in one, so the short form tries most things with the one of many. */
const TRIED = BOTH.slice(0, isLong ? 2 : 1);

/** A user's program, as TypeScript. */
const typed = (specifier: string) => `
import { connect, ParleyError, type Conversation, type Message, type Status } from "${specifier}";

interface Note { kind: "note"; page: number }
const parley = connect({ url: "http://127.0.0.1:1", token: async () => undefined, stayActive: true });
const notes: Conversation<Note> = parley.conversation<Note>("notes");
const lobby: Conversation = parley.conversation("lobby");
notes.on("message", (message: Message<Note>) => void message.data?.page.toFixed());
lobby.on("message", ({ data }: Message) => void (data?.anything as string));
parley.status.subscribe((status: Status) => status.state === "waiting" && status.code.toFixed());
async function talk(): Promise<number> {
  // @ts-expect-error No note has this kind.
  void notes.send("text", { data: { kind: "other", page: 1 } });
  for await (const { data } of notes) if (data?.kind === "note") break;
  try {
    return (await notes.send("text", { data: { kind: "note", page: 1 } })).seq;
  } catch (error) {
    return error instanceof ParleyError && error.code === "closed" ? 0 : 1;
  }
}
export { talk };
`;

/** A user's test: it is type-checked below, beside the programs. */
const TYPED_TEST = `import { startTestServer } from "parley/testing"; const url: Promise<string> = startTestServer().then(({ url }) => url); export { url };`;

/** The second finds files as the third does, and reads more kinds of them; so the third is of the long form. */
const RESOLUTIONS = [
  ["--module", "esnext", "--moduleResolution", "bundler"],
  ["--module", "nodenext", "--moduleResolution", "nodenext"],
  ...(isLong ? [["--module", "node16", "--moduleResolution", "node16"]] : []),
];

let tarballs: Tarballs;
const folder = mkdtempSync(join(tmpdir(), "parley-packages-"));

beforeAll(async () => {
  tarballs = await readPackages();
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command that must succeed; returns what it printed. */
function run(command: string[], cwd: string, env: Record<string, string> = {}): string {
  const child = Bun.spawnSync(command, { cwd, env: { ...process.env, ...env } });
  if (!child.success) throw new Error(`${command.join(" ")}: ${child.stdout}${child.stderr}`);
  return child.stdout.toString();
}

/** A project with packages in it, unpacked as `npm install` does. */
function project(...names: (keyof Tarballs)[]): string {
  const at = mkdtempSync(join(folder, "project-"));
  for (const name of names) {
    const installed = join(at, "node_modules", name);
    mkdirSync(installed, { recursive: true });
    run(["tar", "-xzf", tarballs[name], "-C", installed, "--strip-components=1"], at);
  }
  writeFileSync(join(at, "package.json"), JSON.stringify({ name: "project", private: true }));
  return at;
}

test("parley-client packs below 60 KB, has no dependencies, and contains its licence, its types and source maps", () => {
  const tarball = tarballs["parley-client"];
  const { size } = statSync(tarball);
  console.log(`parley-client packs ${size} bytes`);
  expect(size).toBeLessThan(60_000);
  const at = join(project("parley-client"), "node_modules/parley-client");
  const manifest = JSON.parse(readFileSync(join(at, "package.json"), "utf8"));
  expect([manifest.dependencies, manifest.peerDependencies, manifest.license]).toEqual([
    undefined,
    undefined,
    "MIT",
  ]);
  for (const file of ["LICENSE", "README.md", "dist/index.d.ts", "dist/cjs/index.d.ts"])
    expect([file, existsSync(join(at, file))]).toEqual([file, true]);
  const map = JSON.parse(readFileSync(join(at, "dist/parley.js.map"), "utf8"));
  expect(map.sources).toEqual(["parley-client/src/client/parley.ts"]);
  // What is longer is packed twice: once as a module, and once for `require`.
  const modules = readdirSync(join(at, "dist"), { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(js|d\.ts)$/.test(name),
  );
  expect(modules.filter((name) => statSync(join(at, "dist", name)).size > 32_000)).toEqual([]);
  // Code under another licence would have to state it.
  const licence = readFileSync(join(ROOT, "LICENSE"), "utf8");
  expect(readFileSync(join(at, "LICENSE"), "utf8")).toBe(licence);
  expect(licence).toContain("The Parley authors");
});

test("the server's package has no pictures, and contains its licence", () => {
  const files = run(["tar", "-tzf", tarballs.parley], folder).split("\n");
  expect(files.filter((name) => name.endsWith(".png"))).toEqual([]);
  expect(files).toContain("package/LICENSE");
  const { license, private: isPrivate } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  expect([license, isPrivate]).toEqual(["MIT", true]);
});

test.each(BOTH)("11 %s is imported, and required, by node", (specifier, name) => {
  const at = project(name);
  writeFileSync(
    join(at, "use.mjs"),
    `import { connect, ParleyError } from "${specifier}"; console.log(connect.name, ParleyError.name);`,
  );
  writeFileSync(
    join(at, "use.cjs"),
    `const { connect, ParleyError } = require("${specifier}"); console.log(connect.name, ParleyError.name);`,
  );
  for (const file of ["use.mjs", "use.cjs"]) expect(run(["node", file], at)).toBe("connect ParleyError\n");
});

describe.each(TRIED)("%s", (specifier, name) => {
  test("an uncaught error shows its name and one line, with and without the source map", () => {
    const at = project(name);
    const source = readFileSync(join(ROOT, "src/client/parley.ts"), "utf8").split("\n");
    const use = `
      const parley = connect({ url: "http://127.0.0.1:1", token: "abc" });
      parley.close();
      parley.conversation("lobby").send("late").catch((error) => setTimeout(() => { throw error; }));
    `;
    writeFileSync(join(at, "throw.mjs"), `import { connect } from "${specifier}";${use}`);
    writeFileSync(join(at, "throw.cjs"), `const { connect } = require("${specifier}");${use}`);
    for (const file of ["throw.mjs", "throw.cjs"]) {
      const printed = (...flags: string[]) =>
        Bun.spawnSync(["node", ...flags, file], { cwd: at }).stderr.toString();
      const plain = printed();
      expect(plain).toContain("\nParleyError: Closed: 1000 closed here.\n    at ");
      expect(plain.length).toBeLessThan(1_500);
      const [, line] = /src\/client\/parley\.ts:(\d+):\d+/.exec(printed("--enable-source-maps")) ?? [];
      // The one file has a statement of several lines in one, and the map names the line where that begins.
      const statement = source.slice(Number(line) - 1, Number(line) + 2).join("\n");
      expect(statement).toContain('new ParleyError("closed"');
    }
  });

  test("connect() does not throw without a WebSocket, such as while a server renders a page", () => {
    const at = project(name);
    const program = `
      delete globalThis.WebSocket;
      const { connect } = require("${specifier}");
      const token = "e30." + btoa(JSON.stringify({ sub: "ann" })) + ".e30";
      const parley = connect({ url: "http://127.0.0.1:1", token });
      parley.conversation("lobby").send("x").catch((error) => console.log(error.name, error.message));
    `;
    writeFileSync(join(at, "render.cjs"), program);
    expect(run(["node", "render.cjs"], at)).toBe(
      "ParleyError Closed: 4400 no WebSocket: use node --experimental-websocket, or the option WebSocket.\n",
    );
  });

  test("the required module works like the imported one", async () => {
    await using server = await startTestServer();
    const at = project(name);
    // Node 20 has no WebSocket of its own; this is the runtime that the server runs on.
    const program = `
      const { connect } = require("${specifier}");
      const parley = connect({ url: process.env.PARLEY, token: process.env.TOKEN });
      parley.conversation("lobby").send("hello").then(({ seq }) => console.log(seq)).then(() => parley.close());
    `;
    writeFileSync(join(at, "talk.cjs"), program);
    const env = { PARLEY: server.url, TOKEN: await server.token("ann") };
    const child = Bun.spawn([process.execPath, "--no-env-file", "talk.cjs"], {
      cwd: at,
      env: { ...process.env, ...env },
    });
    expect(await new Response(child.stdout).text()).toBe("1\n");
  });
});

test("both packages build the library before they are packed", () => {
  const scripts = Object.values(PACKAGE_FOLDERS).map(
    (at) => JSON.parse(readFileSync(join(at, "package.json"), "utf8")).scripts.prepack,
  );
  expect(scripts).toEqual(["npm run build:client", "npm --prefix ../.. run build:client"]);
});

test.each(RESOLUTIONS)(
  "11 both packages are typed for %s %s %s %s, in modules and in CommonJS",
  (...resolution) => {
    const at = project("parley-client", "parley");
    const files = PACKAGES.flatMap(({ name, specifier }) =>
      ["mts", "cts"].map((kind) => {
        writeFileSync(join(at, `${name}.${kind}`), typed(specifier));
        return `${name}.${kind}`;
      }),
    );
    writeFileSync(join(at, "test.mts"), TYPED_TEST);
    files.push("test.mts");
    const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "esnext"];
    const environment = ["--lib", "esnext,dom", "--types", ""];
    run([join(ROOT, "node_modules/.bin/tsc"), ...flags, ...environment, ...resolution, ...files], at);
  },
);

test("the server's package has a server for tests of applications", () => {
  const at = project("parley");
  writeFileSync(
    join(at, "test.mjs"),
    `import { startTestServer } from "parley/testing"; console.log(startTestServer.name);`,
  );
  expect(run(["node", "test.mjs"], at)).toBe("startTestServer\n");
});

test("an older TypeScript, which knows no exports, finds the types of parley/client, too", () => {
  const { typesVersions } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const [path] = typesVersions["*"].client;
  expect(existsSync(join(project("parley"), "node_modules/parley", path))).toBe(true);
});
