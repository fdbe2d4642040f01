import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { CliError } from "../cli-error.ts";
import { integerOption, secondsOption } from "../flag-values.ts";
import { fetchPlanUsage } from "../server/server-api.ts";
import { type Credential, signIn } from "../server/sign-in.ts";
import { type OpenSocket, openSocket } from "../server/socket.ts";
import { addTargetFlags, loadTarget, type Target, type TargetFlags } from "../server/target.ts";
import { exitOnSignal } from "../signals.ts";
import { print, write } from "../terminal/print.ts";
import { type BenchPlan, planRefusal, SERVER_TO_MEASURE } from "./plan.ts";
import { showProgress } from "./progress.ts";
import { type BenchTarget, reportCsv, reportJson, reportText } from "./report.ts";
import { BenchRun } from "./run.ts";

interface BenchFlags extends TargetFlags {
  readonly clients: number;
  readonly msgs?: number;
  readonly size: number;
  readonly rate?: number;
  readonly duration?: number;
  readonly inFlight: number;
  readonly together?: boolean;
  readonly csv?: string;
  readonly json?: boolean;
}

/** Messages in all, where neither they nor a time are given. */
const DEFAULT_MESSAGES = 1_000;

/** What a message needs beside its text, in bytes: the names of its fields, and its id. */
const FRAME_OVERHEAD_BYTES = 100;

/** Sockets that are dialled at once: a server takes its time over each. */
const MAX_CONCURRENT_DIALS = 20;

const NOTE = `
All clients are one user. Without --rate each sends the next message when one is acked: that measures what the server can
do. With --rate a message is due at its time whatever became of those before it, and its ack is timed from then on, so that
a stall of the server shows in every message that was due meanwhile.

The server's limits count here as everywhere: each message is a request of the user's plan, a plan allows so many
connections, and a connection may send 20 frames a second (BURST_RATE). A run that would not fit is refused, and one that
meets a limit ends, with exit code 1. A server without limits, for measuring:

  ${SERVER_TO_MEASURE}

The messages stay in the store, each client's in a conversation of its own with a random name (--together: all in one,
where each hears all). The flag --conversation, and it alone, names it, or how theirs begin; \`parley conversation remove\`
takes them away.

  parley bench --clients 5 --msgs 100
  parley bench --rate 20 --duration 2 --csv -

Exit code 1: something was not acked; 130 and 143: ended by SIGINT (Ctrl+C) or SIGTERM, with what was measured until then.`;

/** `parley bench`: how many messages a server acks, and how fast. */
export function benchCommand(): Command {
  const command = new Command("bench").description("measure how many messages a server acks, and how fast");
  const whole = (flags: string, about: string, min: number, max: number) =>
    integerOption(command, flags, about, min, max);
  command
    .addOption(whole("--clients <count>", "sockets that send", 1, 10_000).default(1))
    .addOption(
      whole(
        "--msgs <count>",
        `messages in all (default: ${DEFAULT_MESSAGES}, or as many as --duration gives)`,
        1,
        1e8,
      ),
    )
    .addOption(
      whole("--size <bytes>", "text of a message", 1, MAX_FRAME_BYTES - FRAME_OVERHEAD_BYTES).default(64),
    )
    .addOption(whole("--rate <count>", "messages a second in all, each at its time", 1, 1_000_000))
    .addOption(secondsOption(command, "--duration <seconds>", "end after so long", 0.001, 604_800))
    .addOption(
      whole("--in-flight <count>", "without --rate: messages of a client under way at once", 1, 32).default(
        1,
      ),
    )
    .option("--together", "all clients in one conversation")
    .option("--csv <file>", "write a row for each second; - is standard output, in the place of the report")
    .option("--json", "answer as JSON, for scripts");
  return addTargetFlags(command).addHelpText("after", NOTE).action(bench);
}

async function bench(flags: BenchFlags): Promise<void> {
  const target = loadTarget(flags);
  const credential = await signIn(target, "last");
  const plan = planOf(flags);
  const refusal = planRefusal(plan, credential.user, await fetchPlanUsage(target, credential));
  if (refusal !== undefined) throw new CliError(refusal);
  const name = randomBytes(4).toString("hex");
  const { conversation = `bench-${name}` } = flags;
  const conversationOf = (client: number) => (plan.together ? conversation : `${conversation}-${client}`);
  const run = new BenchRun(plan, credential.user, name);
  let exitCode: number | undefined;
  const stopListening = exitOnSignal((code) => {
    exitCode = code;
    run.stop();
  });
  const progress = showProgress(run);
  try {
    run.begin(await openAll(run, plan, target, credential, conversationOf));
    const reason = await run.ended;
    progress.end();
    report(flags, plan, { server: target.http, user: credential.user, conversationOf }, run);
    if (reason !== undefined) throw new CliError(reason);
  } finally {
    progress.end();
    stopListening();
  }
  process.exitCode = exitCode ?? (run.counters.failed > 0 ? 1 : 0);
}

function planOf({ clients, msgs, size, rate, duration, inFlight, together = false }: BenchFlags): BenchPlan {
  const messages = msgs ?? (duration === undefined ? DEFAULT_MESSAGES : undefined);
  return { clients, messages, size, rate, duration, inFlight, together };
}

async function openAll(
  run: BenchRun,
  { clients }: BenchPlan,
  target: Target,
  credential: Credential,
  conversationOf: (client: number) => string,
): Promise<readonly OpenSocket[]> {
  const open = (number: number) =>
    openSocket(target, credential, conversationOf(number), {
      received: (frame) => run.received(number, frame),
      closed: (code) => run.lost(number, code),
    });
  const sockets: OpenSocket[] = [];
  try {
    while (sockets.length < clients) {
      const next = Math.min(MAX_CONCURRENT_DIALS, clients - sockets.length);
      const numbers = Array.from({ length: next }, (_, index) => sockets.length + index);
      sockets.push(...(await Promise.all(numbers.map(open))));
    }
  } catch (error) {
    for (const { close: hangUp } of sockets) hangUp();
    throw error;
  }
  return sockets;
}

function report(
  { csv, json }: BenchFlags,
  plan: BenchPlan,
  benchTarget: BenchTarget,
  { counters: tally }: BenchRun,
): void {
  const totals = tally.totals();
  if (csv !== undefined && csv !== "-") writeFileSync(csv, reportCsv(tally.bySecond()));
  if (csv === "-") write(process.stdout, reportCsv(tally.bySecond()));
  else print(json ? reportJson(plan, benchTarget, totals) : reportText(plan, benchTarget, totals));
}
