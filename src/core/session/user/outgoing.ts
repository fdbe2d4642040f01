// The frames that wait in the server for the line of one user's socket, by conversation (MX4). Bytes that were given to the
// runtime can be neither overtaken nor withdrawn, so only a few are, and the rest waits here.
//
//   first    frames about the connection itself: `pong`, warnings, `closing`
//   fresh    lanes that were empty a moment ago: a small answer overtakes what waits in other lanes
//   busy     lanes with more to send than their share, in turn
//
// A lane gets QUANTUM bytes a turn (deficit round robin, with fresh lanes first as in RFC 8290 §4.1–4.2). In a lane the
// order is kept. Pages of missed messages never make a lane fresh: answers in other lanes go before them (MX2).

import type { LaneLoad } from "./behind.ts";

/** The bytes that a lane may send before it is the turn of the next one. */
export const QUANTUM = 8 * 1024;

/** A frame that waits. A page holds messages that the client requested; its bytes are no back-pressure (B1). */
interface Waiting {
  readonly frame: string;
  readonly bytes: number;
  readonly isPage: boolean;
}

interface Lane {
  readonly name: string;
  frames: Waiting[];
  /** The frames before it are sent. Removing each from the front at once would move all frames after it. */
  head: number;
  /** Bytes that wait, without those of pages. */
  bytes: number;
  /** The number of frames of pages that wait. */
  pages: number;
  /** Bytes that it may still send in this turn; below 0 after a long frame. */
  deficit: number;
  list: "fresh" | "busy" | undefined;
}

/** A frame that is sent next, and the lane of which no frame of a page waits any more, if it was the last one. */
export interface Next {
  readonly frame: string;
  readonly bytes: number;
  readonly pagesLeft: string | undefined;
}

/** The waiting frames of one socket. Its cost for each frame does not depend on how many wait. */
export class OutgoingQueue {
  private readonly first: Waiting[] = [];
  private readonly lanes = new Map<string, Lane>();
  private readonly fresh: Lane[] = [];
  private readonly busy: Lane[] = [];
  /** Bytes that wait, without those of pages. */
  bytes = 0;
  /** The number of frames that wait. */
  length = 0;

  /** Adds a frame about the connection itself. */
  addFirst(frame: string, bytes: number): void {
    this.first.push({ frame, bytes, isPage: false });
    this.bytes += bytes;
    this.length++;
  }

  /** Adds a frame to a lane. */
  add(name: string, frame: string, bytes: number, isPage: boolean): void {
    const lane = this.laneOf(name);
    lane.frames.push({ frame, bytes, isPage });
    this.length++;
    if (isPage) lane.pages++;
    else {
      lane.bytes += bytes;
      this.bytes += bytes;
    }
    if (lane.list !== undefined) return;
    lane.deficit = QUANTUM;
    lane.list = isPage ? "busy" : "fresh";
    (isPage ? this.busy : this.fresh).push(lane);
  }

  /**
   * Takes the next frame, if it has at most `room` bytes. Whatever its length is taken where `any` is set: nothing is
   * before it on the line.
   */
  take(room: number, any: boolean): Next | undefined {
    const [control] = this.first;
    if (control !== undefined) {
      if (control.bytes > room && !any) return undefined;
      return this.takeFirst();
    }
    for (;;) {
      const lane = this.fresh[0] ?? this.busy[0];
      if (lane === undefined) return undefined;
      const next = lane.frames[lane.head];
      if (next === undefined) this.retire(lane);
      else if (lane.deficit <= 0) {
        lane.deficit += QUANTUM;
        this.requeue(lane);
      } else {
        return next.bytes > room && !any ? undefined : this.takeFrom(lane, next);
      }
    }
  }

  /** Takes the next frame about the connection itself, whatever its length. */
  takeFirst(): Next | undefined {
    const control = this.first.shift();
    if (control === undefined) return undefined;
    this.bytes -= control.bytes;
    this.length--;
    return { frame: control.frame, bytes: control.bytes, pagesLeft: undefined };
  }

  /** Drops all frames of a lane. */
  drop(name: string): void {
    const lane = this.lanes.get(name);
    if (lane === undefined) return;
    this.length -= lane.frames.length - lane.head;
    this.bytes -= lane.bytes;
    // It keeps its place in a list, from which `take` removes it.
    lane.frames = [];
    lane.head = 0;
    lane.bytes = 0;
    lane.pages = 0;
  }

  /** Whether no frame of a lane waits. */
  isEmpty(name: string): boolean {
    const lane = this.lanes.get(name);
    return lane === undefined || lane.frames.length === lane.head;
  }

  /** Whether a frame of a page waits in a lane. */
  hasPages(name: string): boolean {
    return (this.lanes.get(name)?.pages ?? 0) > 0;
  }

  /** Drops all frames. */
  clear(): void {
    for (const name of [...this.lanes.keys()]) this.drop(name);
    this.first.length = 0;
    this.bytes = 0;
    this.length = 0;
  }

  /** The lanes with bytes that wait, those with the most bytes first. */
  largestLanes(): LaneLoad[] {
    return [...this.lanes.values()]
      .filter(({ bytes }) => bytes > 0)
      .sort((a, b) => b.bytes - a.bytes)
      .map(({ name, bytes }) => ({ conversation: name, bytes }));
  }

  private laneOf(name: string): Lane {
    const known = this.lanes.get(name);
    if (known !== undefined) return known;
    const lane: Lane = { name, frames: [], head: 0, bytes: 0, pages: 0, deficit: 0, list: undefined };
    this.lanes.set(name, lane);
    return lane;
  }

  private takeFrom(lane: Lane, { frame, bytes, isPage }: Waiting): Next {
    lane.head++;
    lane.deficit -= bytes;
    this.length--;
    if (isPage) lane.pages--;
    else {
      lane.bytes -= bytes;
      this.bytes -= bytes;
    }
    if (lane.head === lane.frames.length) {
      lane.frames = [];
      lane.head = 0;
      this.retire(lane);
    } else if (lane.head >= COMPACT_FROM) {
      lane.frames.splice(0, lane.head);
      lane.head = 0;
    }
    return { frame, bytes, pagesLeft: isPage && lane.pages === 0 ? lane.name : undefined };
  }

  /**
   * An empty lane goes behind the busy ones before it is forgotten, so that a lane with a little to send again and again
   * does not keep them waiting (RFC 8290 §4.2).
   */
  private retire(lane: Lane): void {
    const wasFresh = lane.list === "fresh";
    this.remove(lane);
    if (wasFresh && this.busy.length > 0) this.append(lane);
    else this.lanes.delete(lane.name);
  }

  private requeue(lane: Lane): void {
    this.remove(lane);
    this.append(lane);
  }

  private append(lane: Lane): void {
    lane.list = "busy";
    this.busy.push(lane);
  }

  private remove(lane: Lane): void {
    const list = lane.list === "fresh" ? this.fresh : this.busy;
    const index = list.indexOf(lane);
    if (index >= 0) list.splice(index, 1);
    lane.list = undefined;
  }
}

/** The number of sent frames at the head of a lane from which on its list is compacted. */
const COMPACT_FROM = 64;
