import type { OpenStreams } from "./open-streams.ts";

/** What a room knows of the drafts that are being written. It is made for the first member that reads them. */
export class RoomDrafts {
  /** What the members see of them; undefined while there are none. */
  streams: OpenStreams | undefined;
  /** Members that read drafts. */
  readers = 0;
  /** Whether `streams` holds all drafts; they are read from the store for the first reader. */
  isComplete = false;
}
