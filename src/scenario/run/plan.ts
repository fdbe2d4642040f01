// What a recording asks to be done, and what it expects, in the order of the file.

import { laneOf } from "../compare/field-rules.ts";
import type { Problem } from "../format/parse.ts";
import {
  type CloseEntry,
  type FaultEntry,
  isClientClose,
  type OpenEntry,
  type ReceivedEntry,
  type Recording,
  type SentEntry,
  typeOf,
} from "../format/recording.ts";
import { dropForeignMessages } from "./drop-foreign-messages.ts";

/** A line of a client, from one opening to the next. */
export interface PlannedConnection {
  readonly client: string;
  /** Counts a client's lines from 1. */
  readonly number: number;
}

/** Something that the run does, or waits for. */
export type Step =
  | {
      readonly kind: "open";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: OpenEntry;
    }
  | {
      readonly kind: "send";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: SentEntry;
      /** The step of an answer that must have come before, so that messages are stored in the recorded order. */
      readonly afterStep?: number;
    }
  | {
      readonly kind: "fault";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: FaultEntry;
    }
  | {
      readonly kind: "leave";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: CloseEntry;
    }
  | {
      readonly kind: "hear";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: ReceivedEntry;
      readonly lane: string;
    }
  | {
      readonly kind: "end";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: CloseEntry;
    };

export type Action = Extract<Step, { kind: "open" | "send" | "fault" | "leave" }>;
export type Expectation = Extract<Step, { kind: "hear" | "end" }>;

export interface Plan {
  readonly recording: Recording;
  /** `at` of a step is its place in this list. */
  readonly steps: readonly Step[];
  readonly connections: readonly PlannedConnection[];
  /**
   * By the place of a step that sends: milliseconds after its line was opened. Missing where the file does not say;
   * what follows a sending without a time of its own is sent with it.
   */
  readonly sendTimes: ReadonlyMap<number, number>;
  /** How many messages of strangers are left out. */
  readonly dropped: number;
}

export function isAction(step: Step): step is Action {
  return step.kind !== "hear" && step.kind !== "end";
}

/** Plans the run of a recording; the problems name lines of the file in which something cannot be done. */
export function planRun(file: Recording): {
  readonly plan?: Plan;
  readonly problems: readonly Problem[];
} {
  const { recording, dropped: left } = dropForeignMessages(file);
  const problems: Problem[] = [];
  const steps: Step[] = [];
  const lines: PlannedConnection[] = [];
  const open = new Map<string, PlannedConnection>();
  const numbers = new Map<string, number>();
  const ignored = new Set(recording.ignore);
  for (const [index, entry] of recording.entries.entries()) {
    const at = steps.length;
    const { client } = entry;
    const addProblem = (message: string) => problems.push({ line: entry.line ?? index + 2, message });
    if (entry.dir === "line" && entry.event === "open") {
      if (open.has(client)) addProblem(`${client} opens a line while the one before is open`);
      const number = (numbers.get(client) ?? 0) + 1;
      const of = { client, number };
      numbers.set(client, number);
      open.set(client, of);
      lines.push(of);
      steps.push({ kind: "open", index: at, connection: of, entry });
      continue;
    }
    const of = open.get(client);
    if (of === undefined) {
      addProblem(
        `${client} has no open line here; it takes a {"client":…,"dir":"line","event":"open"} before it`,
      );
      continue;
    }
    switch (entry.dir) {
      case "out":
        steps.push({ kind: "send", index: at, connection: of, entry });
        break;
      case "in":
        if (!ignored.has(typeOf(entry)))
          steps.push({
            kind: "hear",
            index: at,
            connection: of,
            entry,
            lane: laneOf(typeOf(entry), entry.frame?.code),
          });
        break;
      case "fault":
        steps.push({ kind: "fault", index: at, connection: of, entry });
        break;
      case "line":
        open.delete(client);
        steps.push({ kind: isClientClose(entry) ? "leave" : "end", index: at, connection: of, entry });
        break;
      default:
        entry satisfies never;
    }
  }
  if (problems.length > 0) return { problems };
  return {
    plan: {
      recording,
      steps: orderSends(steps, recording),
      connections: lines,
      sendTimes: sendTimesOf(steps),
      dropped: left,
    },
    problems,
  };
}

/**
 * Messages that several clients sent at once were stored in one of several orders, and the numbers in the recording are
 * those of one. So a message waits for the answer to the one of somebody else that was stored before it, where nothing
 * that was heard between them puts it there.
 */
function orderSends(steps: readonly Step[], recording: Recording): Step[] {
  const conversations = new Map(recording.clients.map(({ name, conversation }) => [name, conversation]));
  const acks = acksOf(steps);
  const ordered = [...steps];
  let racing: (AckedMessage & { readonly at: number; readonly client: string })[] = [];
  const flush = () => {
    const byConversation = Map.groupBy(racing, ({ client }) => conversations.get(client));
    for (const messages of byConversation.values()) {
      messages.sort((a, b) => a.seq - b.seq);
      for (const [index, { at, client }] of messages.entries()) {
        const before = messages[index - 1];
        const step = ordered[at];
        if (before !== undefined && before.client !== client && step?.kind === "send")
          ordered[at] = { ...step, afterStep: before.ackStep };
      }
    }
    racing = [];
  };
  for (const step of steps) {
    const answered = acks.get(step.index);
    if (!isAction(step)) flush();
    else if (answered !== undefined)
      racing.push({ at: step.index, client: step.connection.client, ...answered });
  }
  flush();
  return ordered;
}

function sendTimesOf(steps: readonly Step[]): Map<number, number> {
  const pace = new Map<number, number>();
  const last = new Map<PlannedConnection, Step>();
  const opened = new Map<PlannedConnection, number>();
  for (const step of steps) {
    const { t } = step.entry;
    const begin = opened.get(step.connection);
    const before = last.get(step.connection);
    if (step.kind === "open" && t !== undefined) opened.set(step.connection, t);
    if (step.kind === "send") {
      if (t !== undefined && begin !== undefined) pace.set(step.index, Math.max(0, t - begin));
      else if (before?.kind === "send") pace.set(step.index, 0);
    }
    last.set(step.connection, step);
  }
  return pace;
}

/** What became of a message: its number, and the step in which its ack is expected. */
interface AckedMessage {
  readonly seq: number;
  readonly ackStep: number;
}

/** By the step that sent it, what became of each message with an id. */
function acksOf(steps: readonly Step[]): Map<number, AckedMessage> {
  const sent = new Map<string, number>();
  const answers = new Map<number, AckedMessage>();
  for (const step of steps) {
    const { frame } = step.kind === "send" || step.kind === "hear" ? step.entry : { frame: undefined };
    if (frame === undefined || typeof frame.id !== "string") continue;
    const key = JSON.stringify([step.connection.client, step.connection.number, frame.id]);
    if (step.kind === "send" && frame.type === "message" && !sent.has(key)) sent.set(key, step.index);
    const at = sent.get(key);
    if (step.kind === "hear" && frame.type === "ack" && at !== undefined && !answers.has(at))
      if (typeof frame.seq === "number") answers.set(at, { seq: frame.seq, ackStep: step.index });
  }
  return answers;
}
