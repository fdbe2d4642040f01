import type { Frame, Notes, Seen } from "./frame.ts";

/** Frames kept over all clients; the oldest go first. */
export const MAX_FRAMES = 200_000;

/** Characters of text kept over all clients: 200,000 frames of 64 KiB would be 12 GB. */
export const MAX_TEXT = 64 * 1024 * 1024;

/** Of a full log so much goes at once: taking one from the front of a long array each time would cost more than the rest. */
const PART = 50;

/** The newest frames of all clients, in the order they were seen. */
export interface FrameLog {
  /** The number of the oldest frame that is here; with an empty log, of the next one. */
  readonly first: number;
  /** The number of the newest frame; `first - 1` when there is none. */
  readonly last: number;
  /** How many had to go, since the log was cleared last. */
  readonly gone: number;
  /** The frame `number`; undefined when it is gone or has not been. */
  get(number: number): Frame | undefined;
  add(seen: Seen, notes: Notes): Frame;
  /** Forgets all of them. Numbers go on. */
  clear(): void;
}

export function createFrameLog(maxFrames = MAX_FRAMES, maxText = MAX_TEXT): FrameLog {
  let frames: Frame[] = [];
  let first = 1;
  let text = 0;
  let allGone = 0;

  function trim(): void {
    let gone =
      frames.length > maxFrames ? Math.max(Math.floor(maxFrames / PART), frames.length - maxFrames) : 0;
    for (let index = 0; index < gone; index++) text -= frames[index]!.text.length;
    const limit = text > maxText ? maxText - maxText / PART : maxText;
    // The newest stays, however large it is.
    while (text > limit && gone < frames.length - 1) text -= frames[gone++]!.text.length;
    if (gone === 0) return;
    frames.splice(0, gone);
    first += gone;
    allGone += gone;
  }

  return {
    get first() {
      return first;
    },
    get last() {
      return first + frames.length - 1;
    },
    get gone() {
      return allGone;
    },
    get: (number) => frames[number - first],
    add(seen, notes) {
      const frame: Frame = { ...seen, number: first + frames.length, notes };
      frames.push(frame);
      text += seen.text.length;
      trim();
      return frame;
    },
    clear() {
      first += frames.length;
      frames = [];
      text = 0;
      allGone = 0;
    },
  };
}
