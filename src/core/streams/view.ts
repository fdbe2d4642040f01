// What the readers on one node see of a draft. The node keeps its text once, and one position up to which all readers that
// keep up have it. Others have a position of their own. All frames are made from the text, so nothing waits for a reader.
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { DraftText, StreamAppendEvent } from "../ports/conversation/streams.ts";

/** How often readers get what is new of one stream, in milliseconds: at most 25 times a second (ST5). */
export const READER_INTERVAL_MS = 40;

/** How far a reader has a draft. */
export interface ReaderPosition {
  /** Grows when a snapshot replaces the text. */
  readonly version: number;
  readonly n: number;
  /** The length of the text that it has, in UTF-16 units. */
  readonly length: number;
  /** Grows when `data` is replaced. */
  readonly dataVersion: number;
}

export type ReaderFrame = ServerFrameOf<"stream"> | ServerFrameOf<"stream_append">;

/** One draft, as the readers on a node see it. */
export class StreamView {
  private draft: DraftText;
  private version = 1;
  private dataVersion = 1;
  /** Up to here all readers that keep up have it. */
  private shownTo: ReaderPosition;

  constructor(draft: DraftText) {
    this.draft = draft;
    this.shownTo = this.newest;
  }

  get generation(): number {
    return this.draft.generation;
  }

  get n(): number {
    return this.draft.n;
  }

  /** Up to here all readers that keep up have it. */
  get shown(): ReaderPosition {
    return this.shownTo;
  }

  /** Whether there is text that no reader has yet. */
  get hasNews(): boolean {
    const { n, version, dataVersion } = this.newest;
    return (
      n !== this.shownTo.n || version !== this.shownTo.version || dataVersion !== this.shownTo.dataVersion
    );
  }

  /** Replaces the text. Ignored, with the result false, where it is older than what is there. */
  replace(draft: DraftText): boolean {
    if (draft.generation < this.draft.generation) return false;
    this.draft = draft;
    this.version++;
    return true;
  }

  /** Adds an append. `gap`: something before it is missing here. */
  append({ generation, after, n, text, data }: StreamAppendEvent): "added" | "ignored" | "gap" {
    if (generation < this.draft.generation || (generation === this.draft.generation && n <= this.draft.n))
      return "ignored";
    if (generation > this.draft.generation || after !== this.draft.n) return "gap";
    this.draft = { ...this.draft, n, text: this.draft.text + text, ...(data !== undefined && { data }) };
    if (data !== undefined) this.dataVersion++;
    return "added";
  }

  /** Moves the common position to the newest text; the readers at the old one get `frameFrom` of it. */
  advance(): void {
    this.shownTo = this.newest;
  }

  /**
   * The frame that takes a reader from its position to the common one; undefined where it has all. Without a position: a snapshot.
   * After `replace` and before `advance` nothing is kept of the text at the common position: the frame goes up to the newest.
   */
  frameFrom(position: ReaderPosition | undefined): ReaderFrame | undefined {
    const { stream, id, from, data, replyTo, at } = this.draft;
    const to = this.shownTo.version === this.version ? this.shownTo : this.newest;
    const text = this.draft.text.slice(0, to.length);
    const json = data === undefined ? undefined : JSON.parse(data);
    if (position === undefined || position.version !== to.version) {
      return {
        type: "stream",
        stream,
        id,
        from,
        n: to.n,
        text,
        ...(json !== undefined && { data: json }),
        ...(replyTo !== undefined && { reply_to: replyTo }),
        at,
      };
    }
    if (position.n === to.n && position.dataVersion === to.dataVersion) return undefined;
    return {
      type: "stream_append",
      stream,
      after: position.n,
      n: to.n,
      text: text.slice(position.length),
      ...(json !== undefined && position.dataVersion !== to.dataVersion && { data: json }),
    };
  }

  private get newest(): ReaderPosition {
    const { n, text } = this.draft;
    return { version: this.version, n, length: text.length, dataVersion: this.dataVersion };
  }
}
