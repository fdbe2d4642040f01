import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../docs/pages.ts";
import { BIN, ParleyFolder } from "./parley-folder.ts";

// The story: a tester ran `parley error 4408` in a folder written by another person: the runtime read its bunfig.toml,
// and ran the file that `preload` names.

const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  dependencies: Record<string, string>;
};

/** A folder in which every file that a runtime or a package manager may look for runs `evil.ts`, which leaves a mark. */
function makeHostile(folder: ParleyFolder): { wasRun(): boolean } {
  const mark = join(folder.path, "RUN");
  const evil = `require("node:fs").appendFileSync(${JSON.stringify(mark)}, "run ");\n`;
  const path = join(folder.path, "evil.js");
  writeFileSync(path, evil);
  const words = `preload = ["./evil.js"]\njsx = "react"\n[install]\nregistry = "http://127.0.0.1:9/"\n[serve.static]\nplugins = ["./evil.js"]\n[test]\npreload = ["./evil.js"]\n`;
  for (const name of ["bunfig.toml", ".bunfig.toml", "bunfig", "config.toml"]) folder.write(name, words);
  const paths = Object.fromEntries(Object.keys(dependencies).map((name) => [name, ["./evil.js"]]));
  const compilerOptions = { baseUrl: ".", paths: { ...paths, "*": ["./evil.js"] }, jsxImportSource: "evil" };
  for (const name of ["tsconfig.json", "jsconfig.json"])
    folder.write(name, JSON.stringify({ compilerOptions }));
  folder.write(
    "package.json",
    JSON.stringify({
      name: "parley",
      type: "commonjs",
      imports: { "#x": "./evil.js" },
      browser: { preact: "./evil.js" },
      scripts: { preload: "./evil.js", start: "node evil.js", parley: "node evil.js" },
    }),
  );
  folder.write(".npmrc", "registry=http://127.0.0.1:9/\nnode-options=--require ./evil.js\n");
  folder.write("node.config.json", JSON.stringify({ nodeOptions: { import: ["./evil.js"] } }));
  folder.write(
    ".env",
    `PORT=0\nBUN_OPTIONS=--preload=${path}\nNODE_OPTIONS=--require ${path}\nNODE_PATH=${folder.path}/node_modules\n`,
  );
  for (const name of [...Object.keys(dependencies), "evil", "evil/jsx-runtime"]) {
    const at = join(folder.path, "node_modules", name);
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, "package.json"), JSON.stringify({ name, version: "99.0.0", main: "index.js" }));
    writeFileSync(join(at, "index.js"), evil);
  }
  mkdirSync(join(folder.path, "src", "cli"), { recursive: true });
  writeFileSync(join(folder.path, "src", "cli", "main.ts"), evil);
  return { wasRun: () => existsSync(mark) };
}

const environment = (folder: ParleyFolder) => ({
  PATH: process.env.PATH ?? "",
  HOME: join(folder.path, "home"),
  BCRYPT_COST: "4",
});

test("RT-16 a command runs no code from the current folder", async () => {
  await using folder = new ParleyFolder();
  const hostile = makeHostile(folder);
  for (const args of [
    ["error", "4408"],
    ["--version"],
    ["examples"],
    ["context", "list"],
    ["run", "none.json"],
  ])
    await Bun.spawn(["node", BIN, ...args], {
      cwd: folder.path,
      env: environment(folder),
      stdio: ["ignore", "ignore", "ignore"],
    }).exited;
  expect(hostile.wasRun()).toBe(false);
  // The folder is as hostile as it should be: the bare runtime runs its code.
  await Bun.spawn([process.execPath, "--no-env-file", join(ROOT, "src/cli/main.ts"), "--version"], {
    cwd: folder.path,
    env: environment(folder),
    stdio: ["ignore", "ignore", "ignore"],
  }).exited;
  expect(hostile.wasRun()).toBe(true);
});

test("RT-16 the server, its worker threads and the page it builds run no code from the current folder", async () => {
  await using folder = new ParleyFolder();
  const hostile = makeHostile(folder);
  const server = Bun.spawn(["node", BIN, "serve"], {
    cwd: folder.path,
    env: environment(folder),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  let page: string | undefined;
  const decoder = new TextDecoder();
  for await (const chunk of server.stderr) {
    text += decoder.decode(chunk, { stream: true });
    page = /Console +(\S+)\/\n/.exec(text)?.[1];
    if (page !== undefined) break;
  }
  expect(page).toBeString();
  const script = await (await fetch(`${page}/console/main.js`)).text();
  expect(script.length).toBeGreaterThan(10_000);
  expect(script).not.toContain("appendFileSync");
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(hostile.wasRun()).toBe(false);
  // Documented files are read: PORT was in .env, and DATA_DIR is `data` of the current folder.
  expect(readdirSync(folder.path)).toContain("data");
});
