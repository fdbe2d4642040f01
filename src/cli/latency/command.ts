import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { escapeControlChars } from "../../core/escape-control-chars.ts";
import { integerOption, secondsOption } from "../flag-values.ts";
import { signIn } from "../server/sign-in.ts";
import { addTargetFlags, loadTarget, type TargetFlags } from "../server/target.ts";
import { exitOnSignal } from "../signals.ts";
import { roundedJson } from "../stats/distribution.ts";
import { print, printNote } from "../terminal/print.ts";
import { Probe } from "./probe.ts";
import { formatSample, formatSummary, type Sample, summarize } from "./samples.ts";

interface LatencyFlags extends TargetFlags {
  readonly count?: number;
  readonly interval: number;
  readonly timeout: number;
  readonly acks?: boolean;
  readonly json?: boolean;
}

/** Where it is asked when no conversation is named: nobody else is disturbed. */
const DEFAULT_CONVERSATION = "latency";

const NOTE = `
Without --count it goes on until Ctrl+C, and then says what it came to, as ping(8) does. A ping is answered at once and
costs nothing. An ack (--acks) says that a message is stored: each is a request of the user's plan and stays in the
conversation (${DEFAULT_CONVERSATION}, unless one is named). A connection that breaks is opened again; what was asked meanwhile is lost.

  parley latency --count 3 --interval 0.1

Exit code 0: all was answered. 1: something was lost. 130 and 143: ended by SIGINT (Ctrl+C) or SIGTERM.`;

/** `parley latency`: how long a server takes to answer, at an interval. */
export function latencyCommand(): Command {
  const command = new Command("latency")
    .description("measure how long a server takes to answer, at an interval")
    .option("--acks", "measure acks of messages, in the place of pings");
  command
    .addOption(integerOption(command, "--count <count>", "end after so many", 1, 1e9))
    .addOption(secondsOption(command, "--interval <seconds>", "from one to the next", 0.1, 86_400).default(1))
    .addOption(secondsOption(command, "--timeout <seconds>", "what comes later is lost", 0.1, 60).default(5))
    .option("--json", "write each as JSON, an object a line, and the whole at the end");
  return addTargetFlags(command).addHelpText("after", NOTE).action(latency);
}

async function latency(flags: LatencyFlags): Promise<void> {
  const { count = Number.POSITIVE_INFINITY, interval, timeout, json = false } = flags;
  const target = loadTarget(flags);
  const credential = await signIn(target);
  const conversation = flags.conversation ?? DEFAULT_CONVERSATION;
  const question = flags.acks ? "message" : "ping";
  const probe = new Probe(target, credential, conversation, question, timeout * 1000);
  const ending = new AbortController();
  let signalled: number | undefined;
  const stopListening = exitOnSignal((code) => {
    signalled = code;
    ending.abort();
  });
  try {
    await probe.open();
    printNote(`${question}s to ${target.http} as ${escapeControlChars(credential.user)}, in ${conversation}`);
    const samples = await takeSamples(probe, count, interval * 1000, ending.signal, (number, sample) =>
      print(json ? roundedJson({ number, ...sample }) : formatSample(number, sample)),
    );
    const summary = summarize(samples);
    print(json ? roundedJson(summary) : formatSummary(summary).join("\n"));
    process.exitCode = signalled ?? (summary.loss > 0 ? 1 : 0);
  } finally {
    stopListening();
    probe.close();
  }
}

/** Takes `count` samples, one every `interval` milliseconds whatever became of those before it. */
async function takeSamples(
  probe: Probe,
  count: number,
  interval: number,
  signal: AbortSignal,
  onSample: (number: number, sample: Sample) => void,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const open = new Set<Promise<void>>();
  const start = performance.now();
  for (let number = 1; number <= count && !signal.aborted; number++) {
    const taken = probe.send().then((sample) => {
      // What was not answered when it was ended is not lost.
      if (signal.aborted && "lost" in sample) return;
      samples.push(sample);
      onSample(number, sample);
    });
    open.add(taken);
    void taken.then(() => open.delete(taken));
    if (number < count) await sleepUntil(start + number * interval, signal);
  }
  if (signal.aborted) probe.close();
  await Promise.all(open);
  return samples;
}

/** Waits until `time` of the clock of `performance`, or until `signal`. */
async function sleepUntil(time: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, time - performance.now()), undefined, { signal }).catch(() => {});
}
