// What came of each fault, in words: of what a client's wire shows after it, that which a fault could have brought about.
import { type Frame, readObject } from "../../wire/frame.ts";
import { milliseconds } from "../../wording.ts";

/** A fault that was made, and what was seen since. */
export interface Outcome {
  readonly key: number;
  readonly client: string;
  readonly title: string;
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number;
  readonly seen: readonly Remark[];
}

export interface Remark {
  readonly tone: "fine" | "warning" | "error";
  readonly words: string;
}

/** Outcomes kept, the newest first. */
export const MAX_OUTCOMES = 12;

/** Remarks on one of them; what follows stands on the timeline. */
export const MAX_REMARKS = 8;

/** How long after it something may have come of a fault, in milliseconds: the longest freeze, and a while. */
const WATCHED = 660_000;

/** Adds a fault that is about to be made. What comes from now on is put down to it, and no longer to the one before. */
export function begin(
  outcomes: readonly Outcome[],
  client: string,
  title: string,
  at: number,
): readonly Outcome[] {
  const key = (outcomes[0]?.key ?? 0) + 1;
  return [{ key, client, title, at, seen: [] }, ...outcomes].slice(0, MAX_OUTCOMES);
}

/** Adds a remark to the newest fault of `client`, unless it has enough, or says this already. */
export function remark(outcomes: readonly Outcome[], client: string, said: Remark): readonly Outcome[] {
  const index = outcomes.findIndex((outcome) => outcome.client === client);
  const outcome = outcomes[index];
  if (outcome === undefined || outcome.seen.length >= MAX_REMARKS) return outcomes;
  if (outcome.seen.at(-1)?.words === said.words) return outcomes;
  return outcomes.with(index, { ...outcome, seen: [...outcome.seen, said] });
}

/** Takes a frame that was seen. Answers the very same list where it says nothing. */
export function hear(outcomes: readonly Outcome[], frame: Frame): readonly Outcome[] {
  const outcome = outcomes.find(({ client }) => client === frame.client);
  if (outcome === undefined || frame.at < outcome.at || frame.at > outcome.at + WATCHED) return outcomes;
  const said = remarkOn(frame);
  return said === undefined ? outcomes : remark(outcomes, frame.client, said);
}

/** What a frame says that a fault could have brought about. */
export function remarkOn({ direction, type, text, notes }: Frame): Remark | undefined {
  const [mark] = notes.marks;
  if (direction === "line") {
    if (type === "wait") return { tone: "fine", words: text };
    // Who leaves, leaves; that is no news.
    return type === "close" && mark !== undefined ? { tone: mark.tone, words: mark.text } : undefined;
  }
  if (direction !== "in") return undefined;
  switch (type) {
    case "error":
    case "warning":
    case "message":
      // Of messages the gaps and repeats.
      return mark && { tone: mark.tone, words: mark.text };
    case "welcome": {
      const isBack = readObject(text)?.resumed === true;
      const words = isBack ? "back, and going on where it was" : "let in";
      return mark === undefined
        ? { tone: "fine", words }
        : { tone: mark.tone, words: `${words}: ${mark.text}` };
    }
    case "ack": {
      const took = notes.roundTrip === undefined ? "" : ` after ${milliseconds(notes.roundTrip)}`;
      const words =
        mark?.kind === "duplicate" ? "ack: a duplicate, stored before as" : "ack: the message is stored as";
      return { tone: "fine", words: `${words} #${notes.seq}${took}` };
    }
    case "token_accepted":
      return { tone: "fine", words: "token_accepted: the new token counts" };
    default:
      return undefined;
  }
}
