import type { Frame, FrameAnnotations, WireEvent } from "./frame.ts";

/** Frames kept over all clients; the oldest go first. */
export const MAX_FRAMES = 200_000;

/** Characters of text kept over all clients: 200,000 frames of 64 KiB would be 12 GB. */
export const MAX_TEXT = 64 * 1024 * 1024;

/** Of a full log so much goes at once: taking one from the front of a long array each time would cost more than the rest. */
const TRIM_DIVISOR = 50;

/** The newest frames of all clients, in the order they were seen. */
export interface FrameLog {
  /** The number of the oldest frame that is here; with an empty log, of the next one. */
  readonly first: number;
  /** The number of the newest frame; `first - 1` when there is none. */
  readonly last: number;
  /** How many had to go, since the log was cleared last. */
  readonly droppedCount: number;
  /** The frame `number`; undefined when it is gone or has not been. */
  get(number: number): Frame | undefined;
  add(seen: WireEvent, annotations: FrameAnnotations): Frame;
  /** Forgets all of them. Numbers go on. */
  clear(): void;
}

export function createFrameLog(maxFrames = MAX_FRAMES, maxText = MAX_TEXT): FrameLog {
  let frames: Frame[] = [];
  let first = 1;
  let text = 0;
  let droppedCount = 0;

  function trim(): void {
    let gone =
      frames.length > maxFrames
        ? Math.max(Math.floor(maxFrames / TRIM_DIVISOR), frames.length - maxFrames)
        : 0;
    for (let index = 0; index < gone; index++) text -= frames[index]!.text.length;
    const limit = text > maxText ? maxText - maxText / TRIM_DIVISOR : maxText;
    // The newest stays, however large it is.
    while (text > limit && gone < frames.length - 1) text -= frames[gone++]!.text.length;
    if (gone === 0) return;
    frames.splice(0, gone);
    first += gone;
    droppedCount += gone;
  }

  return {
    get first() {
      return first;
    },
    get last() {
      return first + frames.length - 1;
    },
    get droppedCount() {
      return droppedCount;
    },
    get: (number) => frames[number - first],
    add(seen, annotations) {
      const frame: Frame = { ...seen, number: first + frames.length, annotations };
      frames.push(frame);
      text += seen.text.length;
      trim();
      return frame;
    },
    clear() {
      first += frames.length;
      frames = [];
      text = 0;
      droppedCount = 0;
    },
  };
}
