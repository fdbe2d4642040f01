// parley/testing: a real server for the tests of an application. Plain JavaScript, so that Node runs it from a package, too.
import { spawn } from "node:child_process";
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../bin/parley.mjs", import.meta.url));

/** How long the tokens are valid, in seconds. */
const TOKEN_LIFETIME_S = 3600;

/** How long a server may take to stop, in milliseconds, before it is killed. */
const STOP_TIMEOUT_MS = 10_000;

/** See index.d.mts. */
export async function startTestServer({ settings = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "parley-testing-"));
  const secret = randomBytes(32).toString("base64url");
  const child = spawn(process.execPath, [PROGRAM, "serve"], {
    // A folder of its own: no `.env` of the application is read.
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: folder,
      PORT: "0",
      DATA_DIR: folder,
      SECRET_KEY: secret,
      TEST_FAULTS: "true",
      ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));

  async function stop() {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  }

  let url;
  try {
    url = await addressOf(child, exited);
  } catch (error) {
    await stop();
    throw error;
  }
  const token = async (user, claims = {}) => sign(settings.SECRET_KEY ?? secret, user, claims, settings);
  return {
    url,
    token,
    async fault({ user, connection }, fault) {
      const response = await fetch(`${url}/test/faults`, {
        method: "POST",
        headers: { Authorization: `Bearer ${await token(user)}`, "Content-Type": "application/json" },
        body: JSON.stringify({ connection, fault }),
      });
      if (!response.ok) throw new Error(`The server refused the fault: ${await response.text()}`);
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Waits until the server has printed its address. Rejects with what it printed if it ends before. */
function addressOf(child, exited) {
  return new Promise((resolve, reject) => {
    let printed = "";
    const read = (text) => {
      printed += text;
      const address = /Console +(\S+)\/\n/.exec(printed)?.[1];
      if (address !== undefined) resolve(address);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", read);
    child.once("error", reject);
    void exited.then(() => reject(new Error(`The server ended: ${printed}`)));
  });
}

/** Returns a token for `user`, signed as an application with SECRET_KEY would (RFC 9068). */
function sign(secret, user, claims, { TOKEN_ISSUER = "parley", TOKEN_AUDIENCE = "parley" }) {
  const now = Math.floor(Date.now() / 1000);
  const content = {
    iss: TOKEN_ISSUER,
    aud: TOKEN_AUDIENCE,
    sub: user,
    jti: randomUUID(),
    iat: now,
    exp: now + TOKEN_LIFETIME_S,
    ...claims,
  };
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const unsigned = `${encode({ alg: "HS256", typ: "at+jwt" })}.${encode(content)}`;
  return `${unsigned}.${createHmac("sha256", secret).update(unsigned).digest("base64url")}`;
}
