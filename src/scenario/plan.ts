// What a recording asks to be done, and what it expects, in the order of the file.
import type { Problem } from "./read.ts";
import {
  type Closed,
  type FaultAsked,
  isOwnClose,
  type Opened,
  type Received,
  type Recording,
  type Sent,
  typeOf,
} from "./recording.ts";
import { withoutStrangers } from "./strangers.ts";
import { laneOf } from "./volatile.ts";

/** A line of a client, from one opening to the next. */
export interface PlannedLine {
  readonly client: string;
  /** Counts a client's lines from 1. */
  readonly number: number;
}

/** Something that the run does, or waits for. */
export type Step =
  | { readonly kind: "open"; readonly at: number; readonly of: PlannedLine; readonly entry: Opened }
  | {
      readonly kind: "send";
      readonly at: number;
      readonly of: PlannedLine;
      readonly entry: Sent;
      /** The step of an answer that must have come before, so that messages are stored in the recorded order. */
      readonly after?: number;
    }
  | { readonly kind: "fault"; readonly at: number; readonly of: PlannedLine; readonly entry: FaultAsked }
  | { readonly kind: "leave"; readonly at: number; readonly of: PlannedLine; readonly entry: Closed }
  | {
      readonly kind: "hear";
      readonly at: number;
      readonly of: PlannedLine;
      readonly entry: Received;
      readonly lane: string;
    }
  | { readonly kind: "end"; readonly at: number; readonly of: PlannedLine; readonly entry: Closed };

export type Action = Extract<Step, { kind: "open" | "send" | "fault" | "leave" }>;
export type Expectation = Extract<Step, { kind: "hear" | "end" }>;

export interface Plan {
  readonly recording: Recording;
  /** `at` of a step is its place in this list. */
  readonly steps: readonly Step[];
  readonly lines: readonly PlannedLine[];
  /**
   * By the place of a step that sends: milliseconds after its line was opened. Missing where the file does not say;
   * what follows a sending without a time of its own is sent with it.
   */
  readonly pace: ReadonlyMap<number, number>;
  /** How many messages of strangers are left out. */
  readonly left: number;
}

export function isAction(step: Step): step is Action {
  return step.kind !== "hear" && step.kind !== "end";
}

/** Plans the run of a recording; the problems name lines of the file in which something cannot be done. */
export function planRun(whole: Recording): {
  readonly plan?: Plan;
  readonly problems: readonly Problem[];
} {
  const { recording, left } = withoutStrangers(whole);
  const problems: Problem[] = [];
  const steps: Step[] = [];
  const lines: PlannedLine[] = [];
  const open = new Map<string, PlannedLine>();
  const numbers = new Map<string, number>();
  const ignored = new Set(recording.ignore);
  for (const [index, entry] of recording.entries.entries()) {
    const at = steps.length;
    const { client } = entry;
    const complain = (message: string) => problems.push({ line: entry.line ?? index + 2, message });
    if (entry.dir === "line" && entry.event === "open") {
      if (open.has(client)) complain(`${client} opens a line while the one before is open`);
      const number = (numbers.get(client) ?? 0) + 1;
      const of = { client, number };
      numbers.set(client, number);
      open.set(client, of);
      lines.push(of);
      steps.push({ kind: "open", at, of, entry });
      continue;
    }
    const of = open.get(client);
    if (of === undefined) {
      complain(
        `${client} has no open line here; it takes a {"client":…,"dir":"line","event":"open"} before it`,
      );
      continue;
    }
    switch (entry.dir) {
      case "out":
        steps.push({ kind: "send", at, of, entry });
        break;
      case "in":
        if (!ignored.has(typeOf(entry)))
          steps.push({ kind: "hear", at, of, entry, lane: laneOf(typeOf(entry), entry.frame?.code) });
        break;
      case "fault":
        steps.push({ kind: "fault", at, of, entry });
        break;
      case "line":
        open.delete(client);
        steps.push({ kind: isOwnClose(entry) ? "leave" : "end", at, of, entry });
        break;
      default:
        entry satisfies never;
    }
  }
  if (problems.length > 0) return { problems };
  return {
    plan: {
      recording,
      steps: orderSenders(steps, recording),
      lines,
      pace: paceOf(steps),
      left,
    },
    problems,
  };
}

/**
 * Messages that several clients sent at once were stored in one of several orders, and the numbers in the recording are
 * those of one. So a message waits for the answer to the one of somebody else that was stored before it, where nothing
 * that was heard between them puts it there.
 */
function orderSenders(steps: readonly Step[], recording: Recording): Step[] {
  const place = new Map(recording.clients.map(({ name, conversation }) => [name, conversation]));
  const answers = answersOf(steps);
  const ordered = [...steps];
  let racing: (Answered & { readonly at: number; readonly client: string })[] = [];
  const order = () => {
    const byPlace = Map.groupBy(racing, ({ client }) => place.get(client));
    for (const messages of byPlace.values()) {
      messages.sort((a, b) => a.seq - b.seq);
      for (const [index, { at, client }] of messages.entries()) {
        const before = messages[index - 1];
        const step = ordered[at];
        if (before !== undefined && before.client !== client && step?.kind === "send")
          ordered[at] = { ...step, after: before.answer };
      }
    }
    racing = [];
  };
  for (const step of steps) {
    const answered = answers.get(step.at);
    if (!isAction(step)) order();
    else if (answered !== undefined) racing.push({ at: step.at, client: step.of.client, ...answered });
  }
  order();
  return ordered;
}

function paceOf(steps: readonly Step[]): Map<number, number> {
  const pace = new Map<number, number>();
  const last = new Map<PlannedLine, Step>();
  const opened = new Map<PlannedLine, number>();
  for (const step of steps) {
    const { t } = step.entry;
    const begin = opened.get(step.of);
    const before = last.get(step.of);
    if (step.kind === "open" && t !== undefined) opened.set(step.of, t);
    if (step.kind === "send") {
      if (t !== undefined && begin !== undefined) pace.set(step.at, Math.max(0, t - begin));
      else if (before?.kind === "send") pace.set(step.at, 0);
    }
    last.set(step.of, step);
  }
  return pace;
}

/** What became of a message: its number, and the step in which its ack is expected. */
interface Answered {
  readonly seq: number;
  readonly answer: number;
}

/** By the step that sent it, what became of each message with an id. */
function answersOf(steps: readonly Step[]): Map<number, Answered> {
  const sent = new Map<string, number>();
  const answers = new Map<number, Answered>();
  for (const step of steps) {
    const { frame } = step.kind === "send" || step.kind === "hear" ? step.entry : { frame: undefined };
    if (frame === undefined || typeof frame.id !== "string") continue;
    const key = JSON.stringify([step.of.client, step.of.number, frame.id]);
    if (step.kind === "send" && frame.type === "message" && !sent.has(key)) sent.set(key, step.at);
    const at = sent.get(key);
    if (step.kind === "hear" && frame.type === "ack" && at !== undefined && !answers.has(at))
      if (typeof frame.seq === "number") answers.set(at, { seq: frame.seq, answer: step.at });
  }
  return answers;
}
