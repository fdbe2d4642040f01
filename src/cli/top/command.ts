import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import type { ActivityAnswer } from "../../core/activity/node-activity.ts";
import { CliError, errorLines, UsageError } from "../cli-error.ts";
import { secondsOption } from "../flag-values.ts";
import { addStoreFlags } from "../setting-flags.ts";
import { EXIT_SIGINT, exitOnSignal } from "../signals.ts";
import { print, printJson, printNote } from "../terminal/print.ts";
import { FullScreen } from "./full-screen.ts";
import { plainText, renderPage, renderReport } from "./render.ts";
import { type ActivitySource, openSource, Refused, type SourceFlags } from "./source.ts";
import { openTop, stepTop, type TopEvent } from "./state.ts";

interface TopFlags extends SourceFlags {
  readonly interval: number;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly color: boolean;
}

/** How long the first numbers of all nodes may take, in milliseconds: each begins to count when it is asked. */
const FIRST_NUMBERS_MS = 6_000;
/** How often the first numbers are asked for, in milliseconds. */
const FIRST_INTERVAL_MS = 250;
/** A source that takes longer to answer is not reachable, in milliseconds: longer than the connection to Redis, which says why. */
const READ_TIMEOUT_MS = 8_000;
/** The columns of --once where the terminal does not say its own. */
const USUAL_COLUMNS = 100;

const NOTE = `
It reads what the servers share in the store of the settings: the data folder, or Redis. With PARLEY_API_KEY (an API key with
the right manage), --url or --context it asks a server over HTTP, which answers for all nodes, and for itself
while its store is away. Servers count only while somebody watches, so the first numbers take a second or two.

Keys: tab and arrows choose a table and its rows, s sorts by the next column, p pauses, h helps, q quits. Rates are of the last
second; ack times and what is busiest of the last five to ten. Of several nodes the worst ack time is shown above.

  parley top --once
  PARLEY_API_KEY=pk_… parley top --url https://chat.example.com --json

--json prints what GET /activity returns, one object a line (docs/protocol/OPERATOR.md).
Exit code 0: ended by q, or --once has printed. 1: no server could be asked. 2: the command line was wrong.
130 and 143: ended by SIGINT (Ctrl+C) or SIGTERM.`;

/** `parley top`: shows what all servers do at the moment. */
export function topCommand(): Command {
  const command = new Command("top")
    .description("watch what the servers do: rates, ack times, what is busiest, slow readers, webhooks")
    .option("--once", "print it once, and end")
    .option("--json", "print JSON, one object a line")
    .option("--no-color", "without colors");
  command.addOption(
    secondsOption(command, "--interval <seconds>", "how often it is read", 0.5, 3_600).default(1),
  );
  command
    .option("--url <address>", "ask this server, with PARLEY_API_KEY")
    .option("--context <context>", "ask the server of this context, with PARLEY_API_KEY");
  return addStoreFlags(command).addHelpText("after", NOTE).action(top);
}

async function top(flags: TopFlags): Promise<void> {
  const { once = false, json = false } = flags;
  if (!once && !json && !process.stdout.isTTY)
    throw new UsageError("The page needs a terminal: add --once or --json.");
  const source = await openSource(flags);
  const ending = new AbortController();
  const stopListening = exitOnSignal((code) => {
    process.exitCode = code;
    ending.abort();
  });
  try {
    if (once) await printOnce(source, json, ending.signal);
    else if (json) await printLines(source, flags, ending.signal);
    else await showPage(source, flags, ending);
  } finally {
    stopListening();
    await source.close();
  }
}

/** Reads, and rejects when the source takes too long. */
async function readInTime(source: ActivitySource): Promise<ActivityAnswer> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new CliError(`no answer within ${READ_TIMEOUT_MS / 1000} s`);
    timer = setTimeout(() => reject(error), READ_TIMEOUT_MS);
  });
  try {
    return await Promise.race([source.read(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Reads until every node has shared its numbers, at most FIRST_NUMBERS_MS long. */
async function readFirst(source: ActivitySource, signal: AbortSignal): Promise<ActivityAnswer | undefined> {
  const deadline = performance.now() + FIRST_NUMBERS_MS;
  for (;;) {
    const answer = await readInTime(source).catch((error) => {
      if (error instanceof Refused || source.whenAway !== "store down") throw error;
      throw new CliError(`${source.whenAway}: ${errorLines(error).join(" ")}`);
    });
    const { nodes, silent, feed } = answer;
    const isWhole = nodes.length > 0 && silent.length === 0 && feed !== undefined;
    if (isWhole || signal.aborted || (nodes.length > 0 && performance.now() > deadline)) return answer;
    if (performance.now() > deadline) throw new CliError(noNumbers(silent));
    await pause(FIRST_INTERVAL_MS, signal);
  }
}

/** Says what may be the reason that no server has shared its numbers; `silent` are the nodes that run. */
export function noNumbers(silent: readonly string[]): string {
  return silent.length > 0
    ? `No node shares its numbers (${silent.join(", ")}): are they of an older version?`
    : "No server shares its numbers in this store: none runs (`parley serve` starts one), its disk is full (then ask the server, with --url and PARLEY_API_KEY), or it is of an older version.";
}

async function printOnce(source: ActivitySource, json: boolean, signal: AbortSignal): Promise<void> {
  const answer = await readFirst(source, signal);
  if (answer === undefined || signal.aborted) return;
  if (json) {
    printJson(answer);
    return;
  }
  const state = stepTop(openTop(source.name), { type: "answer", answer });
  const columns = process.stdout.columns || USUAL_COLUMNS;
  print(
    renderReport(state, columns, Date.now())
      .map((line) => plainText(line))
      .join("\n"),
  );
}

async function printLines(
  source: ActivitySource,
  { interval }: TopFlags,
  signal: AbortSignal,
): Promise<void> {
  await readFirst(source, signal);
  while (!signal.aborted) {
    try {
      printJson(await readInTime(source));
    } catch (error) {
      if (error instanceof Refused) throw error;
      printNote(errorLines(error).join(" "));
    }
    await pause(interval * 1000, signal);
  }
}

async function showPage(
  source: ActivitySource,
  { interval, color }: TopFlags,
  ending: AbortController,
): Promise<void> {
  let state = openTop(source.name, source.whenAway);
  const startedAt = performance.now();
  const { signal } = ending;
  const draw = () => screen.draw(renderPage(state, screen.size, Date.now()));
  const take = (event: TopEvent) => {
    state = stepTop(state, event);
    draw();
  };
  const screen = new FullScreen(color, {
    key: (key) => {
      if (key !== "q" && key !== "interrupt") return take({ type: "key", key });
      if (key === "interrupt") process.exitCode = EXIT_SIGINT;
      ending.abort();
    },
    resized: draw,
  });
  try {
    draw();
    while (!signal.aborted) {
      const isFirst = state.answer === undefined && performance.now() - startedAt < FIRST_NUMBERS_MS;
      const event = await nextEvent(source);
      if (signal.aborted) break;
      // A server begins to count when it is asked.
      if (event.type === "answer" || !isFirst || event.reason !== noNumbers([])) take(event);
      else draw();
      await pause(isFirst ? FIRST_INTERVAL_MS : interval * 1000, signal);
    }
  } finally {
    screen.close();
  }
}

async function nextEvent(source: ActivitySource): Promise<Exclude<TopEvent, { type: "key" }>> {
  const now = Date.now();
  try {
    const answer = await readInTime(source);
    return answer.nodes.length > 0
      ? { type: "answer", answer }
      : { type: "failed", reason: noNumbers(answer.silent), now };
  } catch (error) {
    if (error instanceof Refused) throw error;
    return { type: "failed", reason: errorLines(error)[0] ?? "unknown", now };
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {});
}
