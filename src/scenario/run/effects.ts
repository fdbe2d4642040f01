import { epochKeyOf, type NameMapping } from "../compare/name-mapping.ts";
import type { CredentialKind, Frame, SentEntry } from "../format/recording.ts";
import type { Action, PlannedConnection } from "./plan.ts";

/** An action that the caller of a run has to carry out. */
export type Effect =
  | {
      readonly type: "open";
      readonly connection: PlannedConnection;
      readonly token: CredentialKind;
      readonly after?: number;
      readonly epoch?: string;
      readonly streams?: boolean;
    }
  | {
      readonly type: "send";
      readonly connection: PlannedConnection;
      readonly data: string | Uint8Array<ArrayBuffer>;
    }
  /** A frame that needs the client's token, which the run does not know. */
  | { readonly type: "send_token"; readonly connection: PlannedConnection; readonly frame: Frame }
  | {
      readonly type: "close";
      readonly connection: PlannedConnection;
      readonly code: number;
      readonly reason: string;
    }
  /** Requests a fault; the caller passes the result to `faultSettled` together with `action`. */
  | {
      readonly type: "fault";
      readonly connection: PlannedConnection;
      readonly action: Action;
      readonly connectionId: string;
      readonly fault: Frame;
    };

/** The last message that a client received, to resume from (D4). */
export interface Position {
  readonly seq: number;
  readonly epoch: string;
}

/** The facts of a connection that an action needs. */
export interface ConnectionContext {
  /** The name in the recording. */
  readonly conversation: string;
  /** The conversation and epoch, see name-mapping.ts. */
  readonly epochKey: string;
  /** The server's id of the connection, once it is welcomed. */
  readonly connectionId: string | undefined;
  readonly position: Position | undefined;
}

/** Returns the effect of an action, with the names and numbers of this run. */
export function effectFor(action: Action, context: ConnectionContext, mapping: NameMapping): Effect {
  const { connection } = action;
  switch (action.kind) {
    case "open":
      return {
        type: "open",
        connection,
        token: action.entry.token ?? "own",
        ...(action.entry.streams && { streams: true }),
        ...resumeQuery(action, context, mapping),
      };
    case "send":
      return sendEffect(connection, action.entry, context, mapping);
    case "fault":
      return {
        type: "fault",
        connection,
        action,
        connectionId: context.connectionId ?? "",
        fault: action.entry.fault,
      };
    case "close":
      return { type: "close", connection, code: action.entry.code, reason: action.entry.reason ?? "" };
    default:
      return action satisfies never;
  }
}

/** Returns the position from which a connection resumes. */
function resumeQuery(
  { entry }: Extract<Action, { kind: "open" }>,
  { conversation, position }: ConnectionContext,
  mapping: NameMapping,
): { readonly after?: number; readonly epoch?: string } {
  if (entry.resume) return position === undefined ? {} : { after: position.seq, epoch: position.epoch };
  if (entry.after === undefined) return {};
  const after = mapping.seq(epochKeyOf(conversation, entry.epoch), entry.after);
  if (entry.epoch === undefined) return { after };
  const epoch = mapping.epoch(entry.epoch);
  // An epoch that ended before the recording began: it cannot be resumed, so send it unchanged.
  return epoch === undefined ? { after: entry.after, epoch: entry.epoch } : { after, epoch };
}

/** By type of frame that a client sends: the fields that hold a `seq`. */
const SEQ_FIELDS: Readonly<Record<string, readonly string[]>> = {
  read: ["seq"],
  history: ["before", "after", "around"],
  message: ["reply_to"],
  stream_start: ["reply_to"],
  stream_cancel: ["reply_to"],
};

function sendEffect(
  connection: PlannedConnection,
  { frame, raw, bytes }: SentEntry,
  context: ConnectionContext,
  mapping: NameMapping,
): Effect {
  if (raw !== undefined) return { type: "send", connection, data: raw };
  if (bytes !== undefined)
    return {
      type: "send",
      connection,
      data: Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0)),
    };
  const { type } = frame;
  if (type === "token") return { type: "send_token", connection, frame };
  const sent: Record<string, unknown> = { ...frame };
  for (const name of SEQ_FIELDS[String(type)] ?? [])
    if (typeof sent[name] === "number") sent[name] = mapping.seq(context.epochKey, sent[name]);
  const hasId = type === "message" || type === "stream_start";
  if (hasId && typeof sent.id === "string") sent.id = mapping.idToSend(sent.id);
  // The handle of a stream is the server's.
  if (typeof sent.stream === "string") sent.stream = mapping.id(sent.stream) ?? sent.stream;
  return { type: "send", connection, data: JSON.stringify(sent) };
}
