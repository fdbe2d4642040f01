import { expect, test } from "bun:test";
import { join } from "node:path";

const PROGRAM = join(import.meta.dir, "programs/faulty.ts");

test("RUNTIME 2 uncaught faults are logged with an id and end nothing; a second signal ends a stop that hangs", async () => {
  const program = Bun.spawn([process.execPath, "--no-env-file", PROGRAM], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const events: Record<string, unknown>[] = [];
  for await (const line of lines(program.stdout)) {
    events.push(JSON.parse(line));
    if (events.at(-1)?.event === "program.alive") program.kill("SIGTERM");
    if (events.at(-1)?.event === "server.stopping") program.kill("SIGTERM");
  }
  expect(await program.exited).toBe(143);
  const faults = events.filter(({ event }) => event === "fault");
  expect(faults.map(({ where }) => where).sort()).toEqual(["uncaught exception", "unhandled rejection"]);
  for (const { id, error } of faults) {
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(error).toMatch(/thrown in a timer|rejected unseen/);
  }
  expect(events.slice(-2).map(({ event }) => event)).toEqual(["program.alive", "server.stopping"]);
});

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
