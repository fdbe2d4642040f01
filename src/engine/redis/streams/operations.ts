// The start and the end of a stream, as operations of a batch: they have one order with the messages of this node, and one script
// charges and stores them (lua/streams/operations.lua).
import type { Entry } from "../../../core/conversation/entry.ts";
import type {
  DraftText,
  EndContent,
  StreamAppend,
  StreamEnd,
  StreamName,
  StreamStart,
  StreamStartResult,
} from "../../../core/ports/conversation/streams.ts";
import { CANCEL_GRACE_MS, type StreamRules } from "../../../core/streams/draft.ts";
import type { Quota } from "../../../protocol/server-frames.ts";
import type { Operation } from "../../operation.ts";
import { decodeRecord, dedupeKey } from "../messages/message-encoding.ts";

/** The start of a stream. `handle` is its name if no stream of this id is open. */
export interface StartRequest extends StreamStart {
  readonly handle: string;
}

/**
 * Why a stream ends: its writer wants it, or wants it again after a try of which the result is unknown, it may be over its time, its
 * writer may not write any more, or it is to have no content. `claim`: it does not end; the result says whether it is over its time.
 */
export type EndReason = "end" | "end again" | "due" | "claim" | "refuse" | "discard";

export interface EndRequest extends StreamName {
  readonly why: EndReason;
  /** Of the writer that ends it. */
  readonly generation?: number;
  readonly appends?: readonly StreamAppend[];
  readonly state?: StreamEnd["state"];
  /** As JSON. */
  readonly data?: string | undefined;
  /** Who discards it. */
  readonly by?: string;
  /** When leases began again, because the nodes or the store were away (lua/streams/sweep-turn.lua). */
  readonly since?: number;
  /** The name of its message, if this node knows it. */
  readonly name?: string | undefined;
  /** Requests an hour of the writer, for the quota in the result. */
  readonly limit: number;
  readonly content?: EndContent | undefined;
}

export type StartOutcome =
  | {
      readonly outcome: "started" | "taken_over";
      readonly draft: DraftText;
      readonly cancelledBy: string | undefined;
      readonly quota: Quota | null;
    }
  | Exclude<StreamStartResult, { readonly outcome: "started" | "taken_over" }>;

/** What came of the end of a stream. */
export type EndOutcome =
  /** `entry` is the message. `fenced`: the writer may not write any more, and the message is `interrupted`. */
  | {
      readonly outcome: "stored";
      readonly seq: number;
      readonly at: number;
      readonly entry: Entry;
      readonly fenced: boolean;
      quota: Quota | null;
    }
  /** There is no such stream, or another writer has it. `hasEnded`: it has ended just now, without a message. */
  | { readonly outcome: "fenced"; readonly message: number; readonly hasEnded: boolean }
  | { readonly outcome: "gap"; readonly n: number }
  | { readonly outcome: "too_large" | "goes_on" | "is_due" | "unavailable" };

export interface StartOperation {
  readonly kind: "start";
  readonly request: StartRequest;
  readonly done: (result: StartOutcome) => void;
}

export interface EndOperation {
  readonly kind: "end";
  readonly request: EndRequest;
  readonly done: (result: EndOutcome) => void;
}

/** The operations of a batch on Redis. */
export type RedisOperation = Operation | StartOperation | EndOperation;

/** The details of a stream that was started or taken over, as a script replies them. */
export type StartDetails = readonly [
  handle: string,
  generation: number,
  n: number,
  started: number,
  cancelledBy: string,
  replyTo: string,
  data: string,
  text: string,
];

/** The outcomes of starts as a script replies them, beside those of messages. */
const STARTED = 1;
const TAKEN_OVER = 8;

/** Returns the result of a start, if a stream is open now; undefined for all other outcomes but `too_many`. */
export function decodeStart(
  request: StartRequest,
  outcome: number,
  details: StartDetails | "",
  quota: Quota | null,
): StartOutcome | undefined {
  if (outcome === 9) return { outcome: "too_many" };
  if ((outcome !== STARTED && outcome !== TAKEN_OVER) || details === "") return undefined;
  const [stream, generation, n, at, cancelledBy, replyTo, data, text] = details;
  const { conversation, id, user: from } = request;
  return {
    outcome: outcome === STARTED ? "started" : "taken_over",
    draft: {
      ...{ conversation, stream, id, from, generation, n, text: decodeText(text), at },
      ...(data !== "" && { data }),
      ...(replyTo !== "" && { replyTo: Number(replyTo) }),
    },
    cancelledBy: cancelledBy === "" ? undefined : cancelledBy,
    quota,
  };
}

const WHY_LETTERS: Readonly<Record<EndReason, string>> = {
  end: "e",
  "end again": "a",
  due: "d",
  claim: "c",
  refuse: "r",
  discard: "x",
};

/** Returns the values of a start that both scripts take. */
export function startValues(request: StartRequest, rules: StreamRules): (string | number)[] {
  const { user, id, epoch = "", handle, data = "", replyTo = "", restart = false } = request;
  return [
    ...[encodeRules(rules), dedupeKey(user, id), epoch, user, id],
    ...[handle, data, replyTo, restart ? 1 : 0],
  ];
}

/** Returns the values of an end that both scripts take. */
export function endValues(request: EndRequest, rules: StreamRules): (string | number)[] {
  const { stream, why, generation = 0, appends = [], state = "" } = request;
  const { by = "", since = 0, name = "" } = request;
  const { content, data } = encodeEndContent(request);
  const values = [encodeRules(rules), stream, WHY_LETTERS[why], generation, state, by, since, data, name];
  return [...values, content, appends.length, ...appends.flatMap(appendValues)];
}

function encodeEndContent({ content, data = "" }: EndRequest): {
  readonly content: string;
  readonly data: string;
} {
  if (content === undefined) return { content: "", data };
  if ("rejected" in content)
    return { content: "r", data: content.reason === undefined ? "" : JSON.stringify(content.reason) };
  return { content: `t${encodeText(content.text)}`, data: content.data ?? "" };
}

/** Returns the values of an append. */
export function appendValues({ n, text, data = "" }: StreamAppend): (string | number)[] {
  return [n, encodeText(text), data];
}

/** The number of values of the reply to an end. */
export const END_REPLY_LENGTH = 5;

/** Returns the result of an end from the values of its reply. */
export function decodeEnd([outcome, first, at, user, record]: readonly (string | number)[]): EndOutcome {
  const seq = Number(first);
  if (typeof record === "string" && record !== "") {
    const entry = decodeRecord(record, seq, Number(at));
    return { outcome: "stored", seq, at: Number(at), entry, fenced: outcome === 2, quota: null };
  }
  switch (outcome) {
    case 2:
      return { outcome: "fenced", message: seq, hasEnded: user !== "" };
    case 3:
      return { outcome: "gap", n: seq };
    case 4:
      return { outcome: "too_large" };
    case 5:
      return { outcome: "goes_on" };
    case 6:
      return { outcome: "is_due" };
    default:
      throw new Error(`A script replied ${outcome}.`);
  }
}

/** Returns a text as it is kept: as JSON without the quotes, so that parts of a text can be put together. */
export function encodeText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** Returns a text that was put together. */
export function decodeText(text: string): string {
  return JSON.parse(`"${text}"`);
}

function encodeRules({ lease, idle, max, maxBytes, maxOpen }: StreamRules): string {
  return `${lease} ${idle} ${max} ${maxBytes} ${maxOpen} ${CANCEL_GRACE_MS}`;
}
