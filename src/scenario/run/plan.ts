// The actions and expectations of a recording, in the order of the file.

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

/** A connection of a client, from one opening to the next. */
export interface PlannedConnection {
  readonly client: string;
  /** The number of the client's connection, from 1. */
  readonly number: number;
}

/** An action of the run, or an event that it waits for. */
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
      /** The step of a reply that must be received first, so that messages are stored in the recorded order. */
      readonly afterStep?: number;
    }
  | {
      readonly kind: "fault";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: FaultEntry;
    }
  | {
      readonly kind: "close";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: CloseEntry;
    }
  | {
      readonly kind: "receive";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: ReceivedEntry;
      readonly lane: string;
    }
  | {
      readonly kind: "expect_close";
      readonly index: number;
      readonly connection: PlannedConnection;
      readonly entry: CloseEntry;
    };

export type Action = Extract<Step, { kind: "open" | "send" | "fault" | "close" }>;
export type Expectation = Extract<Step, { kind: "receive" | "expect_close" }>;

export interface Plan {
  readonly recording: Recording;
  /** `index` of a step is its index in this list. */
  readonly steps: readonly Step[];
  readonly connections: readonly PlannedConnection[];
  /**
   * By the index of a `send` step: its time in milliseconds after the connection was opened. Missing if the file has no
   * time; a `send` without a time that follows another one is sent together with it.
   */
  readonly sendTimes: ReadonlyMap<number, number>;
  /** How many foreign messages were removed. */
  readonly dropped: number;
}

export function isAction(step: Step): step is Action {
  return step.kind !== "receive" && step.kind !== "expect_close";
}

/** Plans the run of a recording; each problem names the line of an action that cannot be carried out. */
export function planRun(file: Recording): {
  readonly plan?: Plan;
  readonly problems: readonly Problem[];
} {
  const { recording, dropped } = dropForeignMessages(file);
  const problems: Problem[] = [];
  const steps: Step[] = [];
  const connections: PlannedConnection[] = [];
  const open = new Map<string, PlannedConnection>();
  const numbers = new Map<string, number>();
  const ignored = new Set(recording.ignore);
  for (const [entryIndex, entry] of recording.entries.entries()) {
    const index = steps.length;
    const { client } = entry;
    const addProblem = (message: string) => problems.push({ line: entry.line ?? entryIndex + 2, message });
    if (entry.dir === "line" && entry.event === "open") {
      if (open.has(client)) addProblem(`${client} opens a connection while its last one is still open`);
      const number = (numbers.get(client) ?? 0) + 1;
      const connection = { client, number };
      numbers.set(client, number);
      open.set(client, connection);
      connections.push(connection);
      steps.push({ kind: "open", index, connection, entry });
      continue;
    }
    const connection = open.get(client);
    if (connection === undefined) {
      addProblem(
        `${client} has no open connection here; add {"client":…,"dir":"line","event":"open"} before this line`,
      );
      continue;
    }
    switch (entry.dir) {
      case "out":
        steps.push({ kind: "send", index, connection, entry });
        break;
      case "in":
        if (!ignored.has(typeOf(entry)))
          steps.push({
            kind: "receive",
            index,
            connection,
            entry,
            lane: laneOf(typeOf(entry), entry.frame?.code),
          });
        break;
      case "fault":
        steps.push({ kind: "fault", index, connection, entry });
        break;
      case "line":
        open.delete(client);
        steps.push({ kind: isClientClose(entry) ? "close" : "expect_close", index, connection, entry });
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
      connections,
      sendTimes: sendTimesOf(steps),
      dropped,
    },
    problems,
  };
}

/**
 * Messages that several clients sent at the same time could have been stored in several orders, and the recording has the
 * `seq`s of one of them. So a message waits for the ack of another client's message that was stored before it, if no
 * received frame between them already ensures that order.
 */
function orderSends(steps: readonly Step[], recording: Recording): Step[] {
  const conversations = new Map(recording.clients.map(({ name, conversation }) => [name, conversation]));
  const acks = acksOf(steps);
  const ordered = [...steps];
  let concurrent: (AckedMessage & { readonly step: number; readonly client: string })[] = [];
  const flush = () => {
    const byConversation = Map.groupBy(concurrent, ({ client }) => conversations.get(client));
    for (const messages of byConversation.values()) {
      messages.sort((a, b) => a.seq - b.seq);
      for (const [index, { step: stepIndex, client }] of messages.entries()) {
        const before = messages[index - 1];
        const step = ordered[stepIndex];
        if (before !== undefined && before.client !== client && step?.kind === "send")
          ordered[stepIndex] = { ...step, afterStep: before.ackStep };
      }
    }
    concurrent = [];
  };
  for (const step of steps) {
    const acked = acks.get(step.index);
    if (!isAction(step)) flush();
    else if (acked !== undefined)
      concurrent.push({ step: step.index, client: step.connection.client, ...acked });
  }
  flush();
  return ordered;
}

function sendTimesOf(steps: readonly Step[]): Map<number, number> {
  const times = new Map<number, number>();
  const last = new Map<PlannedConnection, Step>();
  const opened = new Map<PlannedConnection, number>();
  for (const step of steps) {
    const { t } = step.entry;
    const begin = opened.get(step.connection);
    const before = last.get(step.connection);
    if (step.kind === "open" && t !== undefined) opened.set(step.connection, t);
    if (step.kind === "send") {
      if (t !== undefined && begin !== undefined) times.set(step.index, Math.max(0, t - begin));
      else if (before?.kind === "send") times.set(step.index, 0);
    }
    last.set(step.connection, step);
  }
  return times;
}

/** A message's `seq`, and the step in which its ack is expected. */
interface AckedMessage {
  readonly seq: number;
  readonly ackStep: number;
}

/** Returns, by the index of its `send` step, the ack of each message with an id. */
function acksOf(steps: readonly Step[]): Map<number, AckedMessage> {
  const sent = new Map<string, number>();
  const acks = new Map<number, AckedMessage>();
  for (const step of steps) {
    const { frame } = step.kind === "send" || step.kind === "receive" ? step.entry : { frame: undefined };
    if (frame === undefined || typeof frame.id !== "string") continue;
    const key = JSON.stringify([step.connection.client, step.connection.number, frame.id]);
    if (step.kind === "send" && frame.type === "message" && !sent.has(key)) sent.set(key, step.index);
    const sendStep = sent.get(key);
    if (step.kind === "receive" && frame.type === "ack" && sendStep !== undefined && !acks.has(sendStep))
      if (typeof frame.seq === "number") acks.set(sendStep, { seq: frame.seq, ackStep: step.index });
  }
  return acks;
}
