import { Component } from "preact";
import { formatBytes, formatMs, preciseTime } from "../../format.ts";
import { type Direction, type Frame, readObject } from "../../wire/frame.ts";

const ARROWS: Record<Direction, { readonly sign: string; readonly word: string }> = {
  out: { sign: "↑", word: "sent" },
  in: { sign: "↓", word: "received" },
  line: { sign: "·", word: "connection" },
  fault: { sign: "⚡", word: "fault" },
};

/** Characters of a frame's text shown in its row; more do not fit. */
const PREVIEW_LENGTH = 160;

/** The direction, as a sign with a text for screen readers. */
export function DirectionArrow({ direction }: { readonly direction: Direction }) {
  const { sign, word } = ARROWS[direction];
  return (
    <span class="arrow" title={word} role="img" aria-label={word}>
      {sign}
    </span>
  );
}

/** Longest text that is parsed for its preview; of a longer one the beginning is shown. */
const MAX_PREVIEW_INPUT = 4096;

/** Returns the content of a frame that the other columns do not show; if there is none, its `id`. */
function previewOf(text: string): string {
  const frame = text.length > MAX_PREVIEW_INPUT ? undefined : readObject(text);
  if (frame === undefined) return text.slice(0, PREVIEW_LENGTH);
  const {
    type: _type,
    conversation: _conversation,
    seq: _seq,
    at: _at,
    id,
    quota: _quota,
    from,
    text: content,
    ...rest
  } = frame;
  const fields = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  if (content !== undefined) fields.unshift(from === undefined ? String(content) : `${from}: ${content}`);
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

/** The contents of the columns. */
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
  /** The name and the colour of its client. */
  readonly name: string;
  readonly tone: number;
  readonly frame: Frame;
  /** From 0, for screen readers. */
  readonly index: number;
  /** Since the row above, in milliseconds. */
  readonly delta: number | undefined;
  readonly isChosen: boolean;
  choose(number: number): void;
}

/** One frame in one line. A frame never changes, so its row is only redrawn for another position or client name. */
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
    const { number, direction, type, bytes, text, at, annotations } = frame;
    const { seq, roundTrip, marks } = annotations;
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
