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

/** The default conversation: a separate one, so that no other user is disturbed. */
const DEFAULT_CONVERSATION = "latency";

const NOTE = `
Without --count it runs until Ctrl+C, and then prints a summary, like ping(8). A ping is answered at once and costs nothing.
With --acks, messages are sent and stored: each costs a request of the user's plan and stays in the conversation
(${DEFAULT_CONVERSATION} by default). A lost connection is opened again; requests in the meantime count as lost.

  parley latency --count 3 --interval 0.1

Exit code 0: all requests were answered. 1: some were lost. 2: the command line was wrong.
130 and 143: ended by SIGINT (Ctrl+C) or SIGTERM.`;

/** `parley latency`: measures round trips to a server, at an interval. */
export function latencyCommand(): Command {
  const command = new Command("latency")
    .description("measure round trips to a server, at an interval")
    .option("--acks", "measure acks of messages instead of pings");
  command
    .addOption(integerOption(command, "--count <count>", "stop after so many requests", 1, 1e9))
    .addOption(
      secondsOption(command, "--interval <seconds>", "time between requests", 0.1, 86_400).default(1),
    )
    .addOption(
      secondsOption(command, "--timeout <seconds>", "later replies count as lost", 0.1, 60).default(5),
    )
    .option("--json", "print each result as one JSON object per line, and the summary at the end");
  return addTargetFlags(command).addHelpText("after", NOTE).action(latency);
}

async function latency(flags: LatencyFlags): Promise<void> {
  const { count = Number.POSITIVE_INFINITY, interval, timeout, json = false } = flags;
  const target = loadTarget(flags);
  const credential = await signIn(target);
  const conversation = flags.conversation ?? DEFAULT_CONVERSATION;
  const request = flags.acks ? "message" : "ping";
  const probe = new Probe(target, credential, conversation, request, timeout * 1000);
  const ending = new AbortController();
  let signalCode: number | undefined;
  const stopListening = exitOnSignal((code) => {
    signalCode = code;
    ending.abort();
  });
  try {
    await probe.open();
    printNote(`${request}s to ${target.http} as ${escapeControlChars(credential.user)}, in ${conversation}`);
    const samples = await takeSamples(probe, count, interval * 1000, ending.signal, (number, sample) =>
      print(json ? roundedJson({ number, ...sample }) : formatSample(number, sample)),
    );
    const summary = summarize(samples);
    print(json ? roundedJson(summary) : formatSummary(summary).join("\n"));
    process.exitCode = signalCode ?? (summary.loss > 0 ? 1 : 0);
  } finally {
    stopListening();
    probe.close();
  }
}

/** Takes `count` samples, one every `interval` milliseconds, without waiting for earlier replies. */
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
      // A request that was still open at the end does not count as lost.
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

/** Waits until `time` (of `performance.now()`), or until `signal`. */
async function sleepUntil(time: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, time - performance.now()), undefined, { signal }).catch(() => {});
}
