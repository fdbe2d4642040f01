import { expect, test } from "bun:test";
import { join } from "node:path";

const PROGRAM = join(import.meta.dir, "programs/crashing.ts");

test("RT-2 uncaught errors are logged with an id and end nothing; a later second signal ends a hanging stop", async () => {
  const { code, events } = await runFaulty("later", 2);
  expect(code).toBe(143);
  const errors = events.filter(({ event }) => event === "process.uncaught_error");
  expect(errors.map(({ origin }) => origin).sort()).toEqual(["uncaughtException", "unhandledRejection"]);
  for (const { id, error } of errors) {
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(error).toMatch(/thrown in a timer|rejected unseen/);
  }
  expect(events.slice(-2).map(({ event }) => event)).toEqual(["program.alive", "server.stopping"]);
});

test("RT-9 simultaneous signals of the group, of npm and of the starter cause one drain", async () => {
  const { code, events } = await runFaulty("at-once", 3);
  // It ended because the stop did, and not because of a signal.
  expect(code).toBe(0);
  expect(events.filter(({ event }) => event === "server.stopping")).toHaveLength(1);
});

/** Runs the program until it ends; sends SIGTERM `times` times, with `clock` between them. */
async function runFaulty(
  clock: "later" | "at-once",
  times: number,
): Promise<{ code: number; events: Record<string, unknown>[] }> {
  const program = Bun.spawn([process.execPath, "--no-env-file", PROGRAM, clock, `${times}`], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const events: Record<string, unknown>[] = [];
  for await (const line of lines(program.stdout)) {
    events.push(JSON.parse(line));
    // One after the other: the system merges pending signals of one kind.
    if (events.at(-1)?.event === "program.alive" || events.at(-1)?.event === "program.signalled")
      program.kill("SIGTERM");
    if (events.at(-1)?.event === "server.stopping") program.kill("SIGTERM");
  }
  return { code: await program.exited, events: events.filter(({ event }) => event !== "program.signalled") };
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
