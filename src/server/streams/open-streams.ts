import type { DraftText, StreamAppendEvent } from "../../core/ports/conversation/streams.ts";
import { type ReaderPosition, StreamView } from "../../core/streams/view.ts";
import type { RoomMember } from "../socket/conversation/room-member.ts";

/** Where a reader is that does not have a draft up to the common position; `snapshot`: it has nothing of it. */
export type LatePosition = ReaderPosition | "snapshot";

/** A draft as the readers of a room see it. */
interface OpenStream {
  readonly view: StreamView;
  /** Appends that follow a gap. They wait until the draft was read from the store again. */
  held: StreamAppendEvent[];
}

/** The drafts that are being written in a room. A room has one only while there are any. */
export class OpenStreams {
  private readonly streams = new Map<string, OpenStream>();
  /** The readers that do not have all that the others have, and from where they go on, by stream. */
  private readonly late = new Map<RoomMember, Map<string, LatePosition>>();

  get isEmpty(): boolean {
    return this.streams.size === 0;
  }

  /** Whether an append is missing that the store may have. */
  get hasGap(): boolean {
    for (const { held } of this.streams.values()) if (held.length > 0) return true;
    return false;
  }

  views(): Iterable<[string, StreamView]> {
    return this.streams.entries().map(([stream, { view }]) => [stream, view]);
  }

  /** Shows a draft in the place of what was shown of it. Returns the view where it is new, and undefined otherwise. */
  show(draft: DraftText): StreamView | undefined {
    const known = this.streams.get(draft.stream);
    if (known === undefined) {
      const view = new StreamView(draft);
      this.streams.set(draft.stream, { view, held: [] });
      return view;
    }
    known.view.replace(draft);
    this.applyHeld(known);
    return undefined;
  }

  /** Shows a draft that was read from the store, unless as much of it is shown already. */
  refresh(draft: DraftText): StreamView | undefined {
    const known = this.streams.get(draft.stream);
    if (known !== undefined && !isBehind(known.view, draft)) {
      this.applyHeld(known);
      return undefined;
    }
    return this.show(draft);
  }

  /** Adds an append. Returns false where the draft is not known. */
  append(event: StreamAppendEvent): boolean {
    const known = this.streams.get(event.stream);
    if (known === undefined) return false;
    if (known.held.length > 0 || known.view.append(event) === "gap") known.held.push(event);
    return true;
  }

  /** Drops a draft that has ended. Returns whether it was known. */
  drop(stream: string): boolean {
    for (const [member, positions] of this.late)
      if (positions.delete(stream) && positions.size === 0) this.late.delete(member);
    return this.streams.delete(stream);
  }

  /** The reader is not sent any more of a draft until `takeLate`. */
  setLate(member: RoomMember, stream: string, position: LatePosition): void {
    const positions = this.late.get(member);
    if (positions === undefined) this.late.set(member, new Map([[stream, position]]));
    else if (!positions.has(stream)) positions.set(stream, position);
  }

  isLate(member: RoomMember, stream: string): boolean {
    return this.late.get(member)?.has(stream) === true;
  }

  lateReaders(): RoomMember[] {
    return [...this.late.keys()];
  }

  /** Takes one draft of a late reader, which is then at the common position. */
  takeLate(member: RoomMember): { readonly view: StreamView; readonly position: LatePosition } | undefined {
    const positions = this.late.get(member);
    const next = positions?.entries().next().value;
    if (positions === undefined || next === undefined) return undefined;
    const [stream, position] = next;
    positions.delete(stream);
    if (positions.size === 0) this.late.delete(member);
    return { view: this.streams.get(stream)!.view, position };
  }

  /** The reader has left the room. */
  forget(member: RoomMember): void {
    this.late.delete(member);
  }

  private applyHeld(stream: OpenStream): void {
    const { view, held } = stream;
    const gap = held.findIndex((event) => view.append(event) === "gap");
    stream.held = gap < 0 ? [] : held.slice(gap);
  }
}

function isBehind(view: StreamView, { generation, n }: DraftText): boolean {
  return view.generation < generation || (view.generation === generation && view.n < n);
}
