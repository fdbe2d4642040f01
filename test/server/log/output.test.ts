import { afterAll, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLog } from "../../../src/server/log/log.ts";
import { LogOutput } from "../../../src/server/log/output.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

// A tester stopped the program that read the log: after 64 KiB, the size of a pipe, no client could connect.

const folder = mkdtempSync(join(tmpdir(), "parley-output-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let pipes = 0;

/** A named pipe with both ends open; `read` returns what is there. */
function makePipe() {
  const path = join(folder, `pipe${++pipes}`);
  Bun.spawnSync(["mkfifo", path]);
  const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
  const reader = openSync(path, O_RDONLY | O_NONBLOCK);
  const writer = openSync(path, O_WRONLY);
  const buffer = Buffer.alloc(1024 * 1024);
  return {
    writer,
    path,
    read(): string {
      let text = "";
      try {
        for (let count = -1; count !== 0; ) {
          count = readSync(reader, buffer);
          text += buffer.toString("utf8", 0, count);
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      }
      return text;
    },
    closeReader: () => closeSync(reader),
  };
}

/** Lines of 1,000 bytes with a number. */
const line = (number: number) => `${`${number}`.padEnd(999, ".")}\n`;
const numbers = (text: string) =>
  text
    .split("\n")
    .filter((one) => one !== "")
    .map((one) => Number.parseInt(one, 10));

test("RT-19 a reader that stops blocks nothing: lines wait, in order, and are written when it reads again", async () => {
  const pipe = makePipe();
  const output = new LogOutput(pipe.writer);
  for (let i = 0; i < 500; i++) output.write(line(i));
  let text = "";
  await waitUntil("all lines", () => {
    text += pipe.read();
    return text.length === 500_000;
  });
  expect(numbers(text)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  // And from then on at once.
  output.write("again\n");
  expect(pipe.read()).toBe("again\n");
});

test("RT-19 lines beyond the limit are dropped, and a line counts them before the next one", async () => {
  const pipe = makePipe();
  const output = new LogOutput(pipe.writer, { capacity: 50_000 });
  const log = openLog({ level: "info", format: "json", output });
  for (let i = 0; i < 500; i++) log.info("line.written", { i, filling: ".".repeat(900) });
  const lines: Record<string, unknown>[] = [];
  let rest = "";
  await waitUntil("the line that counts", () => {
    const parts = (rest + pipe.read()).split("\n");
    rest = parts.pop()!;
    lines.push(...parts.map((part) => JSON.parse(part)));
    return lines.at(-1)?.event === "log.lines_dropped";
  });
  log.info("line.written", { i: 500 });
  const kept = lines.length - 1;
  // 64 KiB in the pipe, 50 KB here.
  expect(kept).toBeGreaterThan(80);
  expect(kept).toBeLessThan(130);
  expect(lines.slice(0, -1).map(({ i }) => i)).toEqual(Array.from({ length: kept }, (_, i) => i));
  expect(lines.at(-1)).toMatchObject({ level: "error", lines: 500 - kept });
  expect(JSON.parse(pipe.read())).toMatchObject({ event: "line.written", i: 500 });
});

test("a closed reader, and a full disk, accept no line and throw nothing", async () => {
  const pipe = makePipe();
  const broken = new LogOutput(pipe.writer);
  broken.write("read\n");
  pipe.closeReader();
  const full = new LogOutput(openSync("/dev/full", "w"), { capacity: 5_000 });
  let dropped = 0;
  full.onDropped = (lines) => {
    dropped += lines;
  };
  for (let i = 0; i < 20; i++) {
    broken.write(line(i));
    full.write(line(i));
  }
  // Closing does not wait for lines without a reader.
  await Promise.all([broken.flush(60_000), full.flush(60_000)]);
  expect(dropped).toBe(0);
});

test("closing waits for a slow reader, but not for ever", async () => {
  const pipe = makePipe();
  const output = new LogOutput(pipe.writer);
  for (let i = 0; i < 200; i++) output.write(line(i));
  await output.flush(50);
  let text = "";
  const reading = setInterval(() => {
    text += pipe.read();
  });
  await output.flush(60_000);
  clearInterval(reading);
  text += pipe.read();
  expect(numbers(text)).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

test("a file is appended to, also with other writers", () => {
  const path = join(folder, "log");
  const descriptor = openSync(path, "w");
  Bun.spawnSync(["sh", "-c", "echo before"], { stdout: descriptor });
  new LogOutput(descriptor).write("line\n");
  Bun.spawnSync(["sh", "-c", "echo after"], { stdout: descriptor });
  closeSync(descriptor);
  expect(readFileSync(path, "utf8")).toBe("before\nline\nafter\n");
});
