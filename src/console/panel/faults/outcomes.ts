// The outcomes of faults as text: the events of a client's connection that a fault can have caused.

import { formatMs } from "../../format.ts";
import { type Frame, readObject } from "../../wire/frame.ts";

/** An injected fault, and the events since. */
export interface FaultOutcome {
  readonly key: number;
  readonly client: string;
  readonly title: string;
  /** When it was requested, in milliseconds since 1970. */
  readonly at: number;
  readonly notes: readonly FaultNote[];
}

export interface FaultNote {
  readonly severity: "fine" | "warning" | "error";
  readonly text: string;
}

/** Outcomes kept, the newest first. */
export const MAX_OUTCOMES = 12;

/** Most notes on one fault; later events are on the timeline only. */
export const MAX_NOTES = 8;

/** How long after a fault events are attributed to it, in milliseconds: the longest freeze and a margin. */
const OUTCOME_WINDOW_MS = 660_000;

/** Adds a fault that is about to be injected. Later events are attributed to it, no longer to the one before. */
export function addOutcome(
  outcomes: readonly FaultOutcome[],
  client: string,
  title: string,
  at: number,
): readonly FaultOutcome[] {
  const key = (outcomes[0]?.key ?? 0) + 1;
  return [{ key, client, title, at, notes: [] }, ...outcomes].slice(0, MAX_OUTCOMES);
}

/** Adds a note to the newest fault of `client`, unless it has enough notes, or the same one. */
export function addNote(
  outcomes: readonly FaultOutcome[],
  client: string,
  note: FaultNote,
): readonly FaultOutcome[] {
  const index = outcomes.findIndex((outcome) => outcome.client === client);
  const outcome = outcomes[index];
  if (outcome === undefined || outcome.notes.length >= MAX_NOTES) return outcomes;
  if (outcome.notes.at(-1)?.text === note.text) return outcomes;
  return outcomes.with(index, { ...outcome, notes: [...outcome.notes, note] });
}

/** Adds the note for a frame. Returns the same list if the frame is not relevant. */
export function onFrame(outcomes: readonly FaultOutcome[], frame: Frame): readonly FaultOutcome[] {
  const outcome = outcomes.find(({ client }) => client === frame.client);
  if (outcome === undefined || frame.at < outcome.at || frame.at > outcome.at + OUTCOME_WINDOW_MS)
    return outcomes;
  const note = noteOf(frame);
  return note === undefined ? outcomes : addNote(outcomes, frame.client, note);
}

/** Returns the note for a frame that a fault can have caused. */
export function noteOf({ direction, type, text, annotations }: Frame): FaultNote | undefined {
  const [mark] = annotations.marks;
  if (direction === "line") {
    if (type === "wait") return { severity: "fine", text };
    // A close by this side is not an outcome.
    return type === "close" && mark !== undefined ? { severity: mark.severity, text: mark.text } : undefined;
  }
  if (direction !== "in") return undefined;
  switch (type) {
    case "error":
    case "closed":
    case "warning":
    case "message":
      // For messages, only gaps and repeats.
      return mark && { severity: mark.severity, text: mark.text };
    case "welcome":
    case "opened": {
      const isBack = readObject(text)?.resumed === true;
      // On the socket of a user a conversation that is opened again says that, and not the `welcome`.
      if (type === "opened" ? !isBack : readObject(text)?.epoch === undefined) return undefined;
      const words = isBack ? "back, and going on where it was" : "let in";
      return mark === undefined
        ? { severity: "fine", text: words }
        : { severity: mark.severity, text: `${words}: ${mark.text}` };
    }
    case "ack": {
      const took = annotations.roundTrip === undefined ? "" : ` after ${formatMs(annotations.roundTrip)}`;
      const words =
        mark?.kind === "duplicate" ? "ack: a duplicate, stored before as" : "ack: the message is stored as";
      return { severity: "fine", text: `${words} #${annotations.seq}${took}` };
    }
    case "stream_started":
      return { severity: "fine", text: `stream_started: goes on after append ${readObject(text)?.n}` };
    case "token_accepted":
      return { severity: "fine", text: "token_accepted: the new token is in use" };
    default:
      return undefined;
  }
}
