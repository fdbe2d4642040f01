// The receivers of docs/protocol/WEBHOOKS.md, and the libraries of Standard Webhooks, verify what Parley signs.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeWebhookSecret } from "../../src/server/webhooks/signature.ts";
import { WebhookClient } from "../../src/server/webhooks/webhook-client.ts";
import { freePort } from "../support/free-port.ts";
import { isLong } from "../support/random.ts";
import { accepts } from "../support/redis/redis-server.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const ROOT = join(import.meta.dir, "../..");
const PAGE = readFileSync(join(ROOT, "docs/protocol/WEBHOOKS.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = makeWebhookSecret();
const BODY = '{"id":"e1","type":"message.created","message":{"text":"grüße 😀"}}';

/** The code of a language in the page. */
function documented(language: string): string {
  const code = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(PAGE)?.[1];
  if (code === undefined) throw new Error(`WEBHOOKS.md has no code in ${language}.`);
  return code;
}

/** Runs a receiver, and returns what it answers to events that are signed with one secret, with two, with another, and long ago. */
async function statuses(command: readonly string[]): Promise<number[]> {
  const port = await freePort();
  const env = { PATH: process.env.PATH ?? "", WEBHOOK_SECRET: SECRET, PORT: String(port) };
  const receiver = Bun.spawn([...command], { cwd: ROOT, env, stdout: "ignore", stderr: "ignore" });
  try {
    await waitUntil("the receiver listens", () => accepts(port));
    const client = new WebhookClient({ allowPrivate: true, version: "1" });
    const send = async (secrets: readonly string[], at = Date.now()) => {
      const delivery = { url: `http://127.0.0.1:${port}/`, id: "e1", body: BODY, at, secrets };
      return (await client.send(delivery, new AbortController().signal)) as { status: number };
    };
    const other = makeWebhookSecret();
    const results = [await send([SECRET]), await send([other, SECRET]), await send([other])];
    results.push(await send([SECRET], Date.now() - 600_000));
    return results.map(({ status }) => status);
  } finally {
    receiver.kill();
    await receiver.exited;
  }
}

const EXPECTED = [204, 204, 400, 400];

test("EV2 the receiver in JavaScript, with the library of npm, takes what is signed with its secret and nothing else", async () => {
  // In the folder of the project, where the library is.
  const file = join(ROOT, "node_modules", `.parley-receiver-${process.pid}.mjs`);
  writeFileSync(file, documented("js"));
  try {
    expect(await statuses([Bun.which("node") ?? process.execPath, file])).toEqual(EXPECTED);
  } finally {
    rmSync(file);
  }
});

test.skipIf(Bun.which("python3") === null)("EV2 the receiver in Python does, too", async () => {
  const file = join(folder, "receiver.py");
  writeFileSync(file, documented("python"));
  expect(await statuses(["python3", file])).toEqual(EXPECTED);
});

/** A receiver that verifies with the library of PyPI. */
const PYPI_RECEIVER = `
import os, sys
sys.path.insert(0, sys.argv[1])
from http.server import BaseHTTPRequestHandler, HTTPServer
from standardwebhooks import Webhook

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            Webhook(os.environ["WEBHOOK_SECRET"]).verify(body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(204)
        except Exception:
            self.send_response(400)
        self.end_headers()

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
`;

test.skipIf(!isLong)("EV2 the library of PyPI does, too", async () => {
  const library = join(folder, "library");
  const pip = ["python3", "-m", "pip", "install", "--quiet", "--target", library, "standardwebhooks==1.1.0"];
  expect(await Bun.spawn(pip, { stdout: "ignore" }).exited).toBe(0);
  const file = join(folder, "pypi.py");
  writeFileSync(file, PYPI_RECEIVER);
  expect(await statuses(["python3", file, library])).toEqual(EXPECTED);
});
