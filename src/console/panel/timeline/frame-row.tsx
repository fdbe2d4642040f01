import { Component } from "preact";
import { formatBytes, formatMs, preciseTime } from "../../format.ts";
import { type Direction, type Frame, readObject } from "../../wire/frame.ts";

const ARROWS: Record<Direction, { readonly sign: string; readonly word: string }> = {
  out: { sign: "↑", word: "sent" },
  in: { sign: "↓", word: "received" },
  line: { sign: "·", word: "line" },
  fault: { sign: "⚡", word: "fault" },
};

/** Characters of a frame's text shown in its row; more do not fit. */
const PREVIEW_LENGTH = 160;

/** Where it went, as a sign with its word for who cannot see it. */
export function DirectionArrow({ direction }: { readonly direction: Direction }) {
  const { sign, word } = ARROWS[direction];
  return (
    <span class="arrow" title={word} role="img" aria-label={word}>
      {sign}
    </span>
  );
}

/** Longest text that is read for its preview; of a longer one the beginning is shown as it is. */
const MAX_PREVIEW_INPUT = 4096;

/** What a frame says beside what the other columns say; where that is nothing, its `id`. */
function previewOf(text: string): string {
  const frame = text.length > MAX_PREVIEW_INPUT ? undefined : readObject(text);
  if (frame === undefined) return text.slice(0, PREVIEW_LENGTH);
  const { type: _type, seq: _seq, at: _at, id, quota: _quota, from, text: said, ...rest } = frame;
  const fields = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  if (said !== undefined) fields.unshift(from === undefined ? String(said) : `${from}: ${said}`);
  return (fields.length === 0 && typeof id === "string" ? `id ${id}` : fields.join(", ")).slice(
    0,
    PREVIEW_LENGTH,
  );
}

const HEADINGS = [
  ["who", "Client"],
  ["time", "Time"],
  ["delta", "Delta"],
  ["way", "Direction"],
  ["type", "Type"],
  ["seq", "Seq"],
  ["preview", "Content"],
  ["trip", "Answered"],
  ["bytes", "Size"],
] as const;

/** What stands in each column. */
export function FrameHeadings() {
  return (
    <div class="frame-headings" role="row" aria-rowindex={1}>
      {HEADINGS.map(([name, title]) => (
        <span key={name} class={name} role="columnheader">
          <span class={name === "way" ? "unseen" : undefined}>{title}</span>
        </span>
      ))}
    </div>
  );
}

interface FrameRowProps {
  /** What its client is called, and which colour marks it. */
  readonly name: string;
  readonly tone: number;
  readonly frame: Frame;
  /** From 0, for who counts the rows without seeing them. */
  readonly index: number;
  /** Since the row above, in milliseconds. */
  readonly delta: number | undefined;
  readonly isChosen: boolean;
  choose(number: number): void;
}

/** One frame in one line. A frame never changes, so that its row is drawn again for its place, or its client's name, only. */
export class FrameRow extends Component<FrameRowProps> {
  override shouldComponentUpdate(next: FrameRowProps): boolean {
    const { frame, name, delta, isChosen, index } = this.props;
    return (
      frame !== next.frame ||
      name !== next.name ||
      delta !== next.delta ||
      isChosen !== next.isChosen ||
      index !== next.index
    );
  }

  override render({ name, tone, frame, index, delta, isChosen, choose }: FrameRowProps) {
    const { number, direction, type, bytes, text, at, annotations: notes } = frame;
    const { seq, roundTrip, marks } = notes;
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: the grid around it takes the keys
      <div
        class={`frame ${direction}`}
        id={`frame-${number}`}
        role="row"
        tabIndex={-1}
        aria-rowindex={index + 2}
        aria-selected={isChosen}
        data-number={number}
        onClick={() => choose(number)}
      >
        <span role="gridcell" class="who">
          <span class={`swatch tone-${tone}`} aria-hidden="true" />
          {name}
        </span>
        <span role="gridcell" class="time">
          {preciseTime(at)}
        </span>
        <span role="gridcell" class="delta">
          {delta === undefined ? "" : `+${formatMs(Math.max(0, delta))}`}
        </span>
        <span role="gridcell" class="way">
          <DirectionArrow direction={direction} />
        </span>
        <span role="gridcell" class="type">
          {type}
        </span>
        <span role="gridcell" class="seq">
          {seq === undefined ? "" : `#${seq}`}
        </span>
        <span role="gridcell" class="preview">
          {marks.map((mark) => (
            <span key={mark.kind} class={`mark ${mark.severity}`} title={mark.text}>
              {mark.kind}
            </span>
          ))}
          {marks[0]?.kind === "close" ? marks[0].text : previewOf(text)}
        </span>
        <span role="gridcell" class="trip">
          {roundTrip === undefined ? "" : formatMs(roundTrip)}
        </span>
        <span role="gridcell" class="bytes">
          {direction === "in" || direction === "out" ? formatBytes(bytes) : ""}
        </span>
      </div>
    );
  }
}
