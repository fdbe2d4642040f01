import { epochKeyOf, type NameMapping } from "../compare/name-mapping.ts";
import type { CredentialKind, Frame, SentEntry } from "../format/recording.ts";
import type { Action, PlannedConnection } from "./plan.ts";

/** What a run wants done. */
export type Effect =
  | {
      readonly type: "open";
      readonly connection: PlannedConnection;
      readonly token: CredentialKind;
      readonly after?: number;
      readonly epoch?: string;
    }
  | {
      readonly type: "send";
      readonly connection: PlannedConnection;
      readonly data: string | Uint8Array<ArrayBuffer>;
    }
  /** A frame that takes the client's token, which is not the run's to know. */
  | { readonly type: "send_token"; readonly connection: PlannedConnection; readonly frame: Frame }
  | {
      readonly type: "close";
      readonly connection: PlannedConnection;
      readonly code: number;
      readonly reason: string;
    }
  /** Asks for a fault; its answer is told to the run together with `action`. */
  | {
      readonly type: "fault";
      readonly connection: PlannedConnection;
      readonly action: Action;
      readonly connectionId: string;
      readonly fault: Frame;
    };

/** What a client has heard, to come back with (D4). */
export interface Position {
  readonly seq: number;
  readonly epoch: string;
}

/** What an action needs to know of its line. */
export interface ConnectionContext {
  /** As the recording calls it. */
  readonly conversation: string;
  /** The life of the conversation, see name-mapping.ts. */
  readonly epochKey: string;
  /** The server's name for the line, once it is let in. */
  readonly connectionId: string | undefined;
  readonly position: Position | undefined;
}

/** What an action does in this run, where names and numbers may be others than in the recording. */
export function effectFor(action: Action, context: ConnectionContext, names: NameMapping): Effect {
  const line = action.connection;
  switch (action.kind) {
    case "open":
      return {
        type: "open",
        connection: line,
        token: action.entry.token ?? "own",
        ...resumeQuery(action, context, names),
      };
    case "send":
      return sendEffect(line, action.entry, context, names);
    case "fault":
      return {
        type: "fault",
        connection: line,
        action,
        connectionId: context.connectionId ?? "",
        fault: action.entry.fault,
      };
    case "leave":
      return { type: "close", connection: line, code: action.entry.code, reason: action.entry.reason ?? "" };
    default:
      return action satisfies never;
  }
}

/** Where the line comes back to. */
function resumeQuery(
  { entry }: Extract<Action, { kind: "open" }>,
  { conversation, position }: ConnectionContext,
  names: NameMapping,
): { readonly after?: number; readonly epoch?: string } {
  if (entry.resume) return position === undefined ? {} : { after: position.seq, epoch: position.epoch };
  if (entry.after === undefined) return {};
  const after = names.seq(epochKeyOf(conversation, entry.epoch), entry.after);
  if (entry.epoch === undefined) return { after };
  const epoch = names.epoch(entry.epoch);
  // A life of the conversation that was over before the recording began: there is nothing to come back to.
  return epoch === undefined ? { after: entry.after, epoch: entry.epoch } : { after, epoch };
}

function sendEffect(
  line: PlannedConnection,
  { frame, raw, bytes }: SentEntry,
  context: ConnectionContext,
  names: NameMapping,
): Effect {
  if (raw !== undefined) return { type: "send", connection: line, data: raw };
  if (bytes !== undefined)
    return {
      type: "send",
      connection: line,
      data: Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0)),
    };
  const { type } = frame;
  if (type === "token") return { type: "send_token", connection: line, frame };
  const seqFields = type === "read" ? ["seq"] : type === "history" ? ["before", "after"] : [];
  const sent: Record<string, unknown> = { ...frame };
  for (const name of seqFields)
    if (typeof sent[name] === "number") sent[name] = names.seq(context.epochKey, sent[name]);
  if (type === "message" && typeof sent.id === "string") sent.id = names.idToSend(sent.id);
  return { type: "send", connection: line, data: JSON.stringify(sent) };
}
