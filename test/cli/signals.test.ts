import { expect, test } from "bun:test";
import { join } from "node:path";
import { ROOT } from "../docs/pages.ts";
import { TestClient } from "../support/clients/test-client.ts";
import { longTest } from "../support/long-test.ts";
import { waitUntil } from "../support/time/wait-until.ts";
import { BIN, ParleyFolder } from "./parley-folder.ts";
import { ParleyTerminal } from "./parley-terminal.ts";

// The server as a supervisor has it: beneath `bin/parley.mjs`, and beneath npm.

const STARTER = ["node", BIN, "serve"];
const START = ["npm", "start", "--silent", "--"];

test("RT-9 SIGTERM to the whole process group drains once, and ends with 0", async () => {
  await using folder = new ParleyFolder();
  for (const command of [STARTER, START]) {
    await using started = await Started.begin(folder, command);
    const client = await started.connect();
    process.kill(-started.program.pid, "SIGTERM");
    expect(await client.closed).toEqual({ code: 1012, reason: "restarting" });
    await started.program.exited;
    await started.gone();
    expect(started.events("server.stopping")).toMatchObject([{ signal: "SIGTERM" }]);
    // npm ends by the signal that it got, as it does for every script.
    if (command !== START) expect(started.program.exitCode).toBe(0);
  }
});

longTest("RT-9 SIGTERM to the starter alone reaches the runtime", async () => {
  await using folder = new ParleyFolder();
  await using started = await Started.begin(folder, STARTER);
  process.kill(started.program.pid, "SIGTERM");
  expect(await started.program.exited).toBe(0);
  expect(started.events("server.stopping")).toMatchObject([{ signal: "SIGTERM" }]);
});

test("SIGKILL of the starter, or of npm, ends the runtime, which closes its connections first", async () => {
  await using folder = new ParleyFolder();
  // The second start takes the folder of the first.
  for (const command of [STARTER, START]) {
    await using started = await Started.begin(folder, command);
    const client = await started.connect();
    process.kill(started.program.pid, "SIGKILL");
    expect(await client.closed).toEqual({ code: 1012, reason: "restarting" });
    await started.gone();
    expect(started.events("server.stopping")).toMatchObject([
      { reason: "The process that started the server has ended." },
    ]);
  }
});

test("SIGHUP without a terminal does not stop the server, and leaves a line in the log", async () => {
  await using folder = new ParleyFolder();
  await using started = await Started.begin(folder, STARTER);
  const client = await started.connect();
  process.kill(-started.program.pid, "SIGHUP");
  await waitUntil("a line", () => started.events("server.hangup").length > 0);
  client.send({ type: "ping", id: "p" });
  expect((await client.next("pong")).id).toBe("p");
});

longTest("SIGHUP of a closed terminal stops the server: it would run on unseen", async () => {
  await using folder = new ParleyFolder();
  const program = ["node", BIN];
  await using terminal = new ParleyTerminal(
    folder,
    ["serve", "--port", "0"],
    { BCRYPT_COST: "4" },
    200,
    program,
  );
  await terminal.shows("is running");
  terminal.process.kill("SIGHUP");
  expect(await terminal.ended).toBe(0);
});

/** A server that was started as people start it, in a process group of its own. */
class Started implements AsyncDisposable {
  private text = "";

  private constructor(
    readonly program: Bun.Subprocess<"ignore", "pipe", "pipe">,
    readonly url: string,
  ) {}

  static async begin(folder: ParleyFolder, command: readonly string[]): Promise<Started> {
    const settings = ["--port", "0", "--data-dir", join(folder.path, "data"), "--drain-seconds", "2"];
    const program = Bun.spawn([...command, ...settings], {
      cwd: ROOT,
      env: { PATH: process.env.PATH ?? "", HOME: folder.path, BCRYPT_COST: "4" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let block = "";
    const url = await new Promise<string>((resolve, reject) => {
      void read(program.stderr, (text) => {
        block += text;
        const page = /Console +(\S+)\/\n/.exec(block)?.[1];
        if (page !== undefined) resolve(page);
      }).then(() => reject(new Error(`It ended: ${block}`)));
    });
    const started = new Started(program, url);
    void read(program.stdout, (text) => {
      started.text += text;
    });
    return started;
  }

  /** A client of `user1` in `lobby`. */
  async connect(): Promise<TestClient> {
    const body = new URLSearchParams({ username: "user1", password: "password" });
    const answer = await fetch(`${this.url}/token`, { method: "POST", body });
    const { access_token } = (await answer.json()) as { access_token: string };
    return TestClient.connect(`${this.url.replace("http", "ws")}/ws/user1/lobby?token=${access_token}`);
  }

  /** The lines of the log with this event. */
  events(event: string): Record<string, unknown>[] {
    const lines = this.text.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line)).filter((line) => line.event === event);
  }

  /** Waits until the port is closed. */
  gone(): Promise<void> {
    return waitUntil("the port is closed", () =>
      fetch(`${this.url}/healthz`).then(
        () => false,
        () => true,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(-this.program.pid, "SIGKILL");
    } catch {
      // All of the group have ended.
    }
    await this.program.exited;
  }
}

async function read(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
}
