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

/** Messages in all, if neither --msgs nor --duration is given. */
const DEFAULT_MESSAGES = 1_000;

/** Bytes of a message frame besides its text: field names and the id. */
const FRAME_OVERHEAD_BYTES = 100;

/** Sockets that are opened at once: a handshake costs the server some time. */
const MAX_CONCURRENT_DIALS = 20;

const NOTE = `
All clients use the same user. Without --rate, each client sends its next message when one is acked: this measures the
maximum throughput. With --rate, each message is due at a fixed time, and its ack time counts from then, so that a stall of
the server shows in every message that was due during the stall.

The server's limits apply: each message is a request of the user's plan, the plan limits the connections, and a connection
may send 20 frames a second (BURST_RATE). A run that would exceed the plan does not start, and one that reaches a limit
ends; both with exit code 1. To start a server without limits:

  ${SERVER_TO_MEASURE}

The messages stay in the store. Each client uses its own conversation with a random name; with --together all clients share
one and receive each other's messages. --conversation sets the name or its prefix (the environment and contexts are
ignored). \`parley conversation remove\` deletes them.

  parley bench --clients 5 --msgs 100
  parley bench --rate 20 --duration 2 --csv -

Exit code 1: a message was not acked; 2: the command line was wrong; 130 and 143: ended by SIGINT (Ctrl+C) or
SIGTERM, with the results so far.`;

/** `parley bench`: measures the throughput and ack times of a server. */
export function benchCommand(): Command {
  const command = new Command("bench").description("measure the throughput and ack times of a server");
  const whole = (flags: string, about: string, min: number, max: number) =>
    integerOption(command, flags, about, min, max);
  command
    .addOption(whole("--clients <count>", "number of sockets that send", 1, 10_000).default(1))
    .addOption(
      whole(
        "--msgs <count>",
        `messages in all (default: ${DEFAULT_MESSAGES}, or no limit with --duration)`,
        1,
        1e8,
      ),
    )
    .addOption(
      whole(
        "--size <bytes>",
        "length of each message's text",
        1,
        MAX_FRAME_BYTES - FRAME_OVERHEAD_BYTES,
      ).default(64),
    )
    .addOption(whole("--rate <count>", "messages a second in all, sent on schedule", 1, 1_000_000))
    .addOption(secondsOption(command, "--duration <seconds>", "stop after so long", 0.001, 604_800))
    .addOption(
      whole("--in-flight <count>", "without --rate: unacked messages of a client at once", 1, 32).default(1),
    )
    .option("--together", "all clients in one conversation")
    .option("--csv <file>", "write a row for each second; - for standard output, instead of the report")
    .option("--json", "print JSON, for scripts");
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
    for (const { close } of sockets) close();
    throw error;
  }
  return sockets;
}

function report(
  { csv, json }: BenchFlags,
  plan: BenchPlan,
  benchTarget: BenchTarget,
  { counters }: BenchRun,
): void {
  const totals = counters.totals();
  if (csv !== undefined && csv !== "-") writeFileSync(csv, reportCsv(counters.bySecond()));
  if (csv === "-") write(process.stdout, reportCsv(counters.bySecond()));
  else print(json ? reportJson(plan, benchTarget, totals) : reportText(plan, benchTarget, totals));
}
