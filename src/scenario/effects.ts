import { type Names, spaceOf } from "./names.ts";
import type { Action, PlannedLine } from "./plan.ts";
import type { Credential, Frame, Sent } from "./recording.ts";

/** What a run wants done. */
export type Effect =
  | {
      readonly do: "open";
      readonly line: PlannedLine;
      readonly token: Credential;
      readonly after?: number;
      readonly epoch?: string;
    }
  | { readonly do: "send"; readonly line: PlannedLine; readonly data: string | Uint8Array<ArrayBuffer> }
  /** A frame that takes the client's token, which is not the run's to know. */
  | { readonly do: "send_token"; readonly line: PlannedLine; readonly frame: Frame }
  | { readonly do: "close"; readonly line: PlannedLine; readonly code: number; readonly reason: string }
  /** Asks for a fault; its answer is told to the run together with `action`. */
  | {
      readonly do: "fault";
      readonly line: PlannedLine;
      readonly action: Action;
      readonly connection: string;
      readonly fault: Frame;
    };

/** What a client has heard, to come back with (D4). */
export interface Position {
  readonly seq: number;
  readonly epoch: string;
}

/** What an action needs to know of its line. */
export interface LineFacts {
  /** As the recording calls it. */
  readonly conversation: string;
  /** The life of the conversation, see names.ts. */
  readonly space: string;
  /** The server's name for the line, once it is let in. */
  readonly connection: string | undefined;
  readonly position: Position | undefined;
}

/** What an action does in this run, where names and numbers may be others than in the recording. */
export function effectOf(action: Action, facts: LineFacts, names: Names): Effect {
  const line = action.of;
  switch (action.kind) {
    case "open":
      return { do: "open", line, token: action.entry.token ?? "own", ...returnOf(action, facts, names) };
    case "send":
      return sendOf(line, action.entry, facts, names);
    case "fault":
      return { do: "fault", line, action, connection: facts.connection ?? "", fault: action.entry.fault };
    case "leave":
      return { do: "close", line, code: action.entry.code, reason: action.entry.reason ?? "" };
    default:
      return action satisfies never;
  }
}

/** Where the line comes back to. */
function returnOf(
  { entry }: Extract<Action, { kind: "open" }>,
  { conversation, position }: LineFacts,
  names: Names,
): { readonly after?: number; readonly epoch?: string } {
  if (entry.resume) return position === undefined ? {} : { after: position.seq, epoch: position.epoch };
  if (entry.after === undefined) return {};
  const after = names.seq(spaceOf(conversation, entry.epoch), entry.after);
  if (entry.epoch === undefined) return { after };
  const epoch = names.epoch(entry.epoch);
  // A life of the conversation that was over before the recording began: there is nothing to come back to.
  return epoch === undefined ? { after: entry.after, epoch: entry.epoch } : { after, epoch };
}

function sendOf(line: PlannedLine, { frame, raw, bytes }: Sent, facts: LineFacts, names: Names): Effect {
  if (raw !== undefined) return { do: "send", line, data: raw };
  if (bytes !== undefined)
    return { do: "send", line, data: Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0)) };
  const { type } = frame;
  if (type === "token") return { do: "send_token", line, frame };
  const numbers = type === "read" ? ["seq"] : type === "history" ? ["before", "after"] : [];
  const sent: Record<string, unknown> = { ...frame };
  for (const name of numbers)
    if (typeof sent[name] === "number") sent[name] = names.seq(facts.space, sent[name]);
  if (type === "message" && typeof sent.id === "string") sent.id = names.idToSend(sent.id);
  return { do: "send", line, data: JSON.stringify(sent) };
}
