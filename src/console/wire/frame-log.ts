import type { Frame, FrameAnnotations, WireEvent } from "./frame.ts";

/** Most frames kept of all clients; the oldest are dropped first. */
export const MAX_FRAMES = 200_000;

/** Most characters of text kept of all clients: 200,000 frames of 64 KiB would be 12 GB. */
export const MAX_TEXT = 64 * 1024 * 1024;

/** Share of a full log that is dropped at once: removing single items from the front of a long array would be slow. */
const TRIM_DIVISOR = 50;

/** The newest frames of all clients, in order. */
export interface FrameLog {
  /** The number of the oldest frame in the log; of the next one, if the log is empty. */
  readonly first: number;
  /** The number of the newest frame; `first - 1` if the log is empty. */
  readonly last: number;
  /** How many frames were dropped since the log was cleared. */
  readonly droppedCount: number;
  /** Returns the frame `number`; undefined if it was dropped or does not exist yet. */
  get(number: number): Frame | undefined;
  add(seen: WireEvent, annotations: FrameAnnotations): Frame;
  /** Removes all frames. Numbers continue. */
  clear(): void;
}

export function createFrameLog(maxFrames = MAX_FRAMES, maxText = MAX_TEXT): FrameLog {
  let frames: Frame[] = [];
  let first = 1;
  let text = 0;
  let droppedCount = 0;

  function trim(): void {
    let count =
      frames.length > maxFrames
        ? Math.max(Math.floor(maxFrames / TRIM_DIVISOR), frames.length - maxFrames)
        : 0;
    for (let index = 0; index < count; index++) text -= frames[index]!.text.length;
    const limit = text > maxText ? maxText - maxText / TRIM_DIVISOR : maxText;
    // The newest frame is kept, however large it is.
    while (text > limit && count < frames.length - 1) text -= frames[count++]!.text.length;
    if (count === 0) return;
    frames.splice(0, count);
    first += count;
    droppedCount += count;
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
