// What came of each fault, in words: of what a client's wire shows after it, that which a fault could have brought about.

import { formatMs } from "../../format.ts";
import { type Frame, readObject } from "../../wire/frame.ts";

/** A fault that was made, and what was seen since. */
export interface FaultOutcome {
  readonly key: number;
  readonly client: string;
  readonly title: string;
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number;
  readonly notes: readonly FaultNote[];
}

export interface FaultNote {
  readonly severity: "fine" | "warning" | "error";
  readonly text: string;
}

/** Outcomes kept, the newest first. */
export const MAX_OUTCOMES = 12;

/** Remarks on one of them; what follows stands on the timeline. */
export const MAX_NOTES = 8;

/** How long after it something may have come of a fault, in milliseconds: the longest freeze, and a while. */
const OUTCOME_WINDOW_MS = 660_000;

/** Adds a fault that is about to be made. What comes from now on is put down to it, and no longer to the one before. */
export function addOutcome(
  outcomes: readonly FaultOutcome[],
  client: string,
  title: string,
  at: number,
): readonly FaultOutcome[] {
  const key = (outcomes[0]?.key ?? 0) + 1;
  return [{ key, client, title, at, notes: [] }, ...outcomes].slice(0, MAX_OUTCOMES);
}

/** Adds a remark to the newest fault of `client`, unless it has enough, or says this already. */
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

/** Takes a frame that was seen. Answers the very same list where it says nothing. */
export function onFrame(outcomes: readonly FaultOutcome[], frame: Frame): readonly FaultOutcome[] {
  const outcome = outcomes.find(({ client }) => client === frame.client);
  if (outcome === undefined || frame.at < outcome.at || frame.at > outcome.at + OUTCOME_WINDOW_MS)
    return outcomes;
  const note = noteOf(frame);
  return note === undefined ? outcomes : addNote(outcomes, frame.client, note);
}

/** What a frame says that a fault could have brought about. */
export function noteOf({ direction, type, text, annotations: notes }: Frame): FaultNote | undefined {
  const [mark] = notes.marks;
  if (direction === "line") {
    if (type === "wait") return { severity: "fine", text };
    // Who leaves, leaves; that is no news.
    return type === "close" && mark !== undefined ? { severity: mark.severity, text: mark.text } : undefined;
  }
  if (direction !== "in") return undefined;
  switch (type) {
    case "error":
    case "warning":
    case "message":
      // Of messages the gaps and repeats.
      return mark && { severity: mark.severity, text: mark.text };
    case "welcome": {
      const isBack = readObject(text)?.resumed === true;
      const words = isBack ? "back, and going on where it was" : "let in";
      return mark === undefined
        ? { severity: "fine", text: words }
        : { severity: mark.severity, text: `${words}: ${mark.text}` };
    }
    case "ack": {
      const took = notes.roundTrip === undefined ? "" : ` after ${formatMs(notes.roundTrip)}`;
      const words =
        mark?.kind === "duplicate" ? "ack: a duplicate, stored before as" : "ack: the message is stored as";
      return { severity: "fine", text: `${words} #${notes.seq}${took}` };
    }
    case "token_accepted":
      return { severity: "fine", text: "token_accepted: the new token counts" };
    default:
      return undefined;
  }
}
