import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { readPackages } from "../support/packages.ts";
import { waitUntil } from "../support/time/wait-until.ts";

// The short form is that of the binary and of the client library; this one gets all dependencies from the registry.
test("OP5 the npm package of the server installs into an empty folder, and npx starts it", async () => {
  const { parley } = await readPackages();
  const folder = mkdtempSync(join(tmpdir(), "parley-npm-"));
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: process.env.HOME ?? folder,
    PORT: "0",
    BCRYPT_COST: "4",
  };
  try {
    writeFileSync(join(folder, "package.json"), "{}");
    await Bun.$`npm install --silent --no-audit --no-fund --prefer-offline ${parley}`.cwd(folder).quiet();
    const version = await Bun.$`npx --no -- parley --version`.cwd(folder).env(env).text();
    expect(version.trim()).toBe(manifest.version);
    const child = Bun.spawn(["npx", "--no", "--", "parley", "serve"], {
      cwd: folder,
      env,
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let text = "";
    let url: string | undefined;
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
      text += part;
      url = /Console +(\S+)\/\n/.exec(text)?.[1];
      if (url !== undefined) break;
    }
    expect(url, text).toBeDefined();
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await fetch(`${url}/`)).status).toBe(200);
    // As Ctrl+C does, to all of them: npx ends at a signal of its own without waiting for its program.
    process.kill(-child.pid, "SIGTERM");
    const answers = () =>
      fetch(`${url}/readyz`).then(
        () => true,
        () => false,
      );
    await waitUntil("the server has ended", async () => !(await answers()));
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 300_000);
