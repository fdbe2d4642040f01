import type { DraftText } from "../../../core/ports/conversation/streams.ts";
import { type Draft, jsonBytes } from "../../../core/streams/draft.ts";
import type { StreamTable } from "./stream-table.ts";

/** An open stream in memory. */
export interface OpenDraft {
  readonly number: number;
  readonly conversation: string;
  readonly epoch: string;
  readonly stream: string;
  readonly user: string;
  readonly id: string;
  readonly replyTo: number | undefined;
  /** No mute or membership binds its writer. */
  exempt: boolean;
  /** As JSON. */
  data: string | undefined;
  text: string;
  state: Draft;
  /** Where its batches are on disk. */
  positions: number[];
  /** Which of them has the `data`. */
  dataPosition: number | undefined;
}

/** The open streams of all conversations, by their names and by the names of their writers. */
export class OpenDrafts {
  private readonly byHandle = new Map<string, OpenDraft>();
  private readonly byId = new Map<string, OpenDraft>();

  get size(): number {
    return this.byHandle.size;
  }

  all(): OpenDraft[] {
    return [...this.byHandle.values()];
  }

  find(conversation: string, stream: string): OpenDraft | undefined {
    return this.byHandle.get(`${conversation}/${stream}`);
  }

  findById(conversation: string, user: string, id: string): OpenDraft | undefined {
    return this.byId.get(`${conversation}/${user}/${id}`);
  }

  of(conversation: string): OpenDraft[] {
    return this.all().filter((draft) => draft.conversation === conversation);
  }

  countOf(user: string): number {
    let count = 0;
    for (const draft of this.byHandle.values()) if (draft.user === user) count++;
    return count;
  }

  add(draft: OpenDraft): void {
    this.byHandle.set(`${draft.conversation}/${draft.stream}`, draft);
    this.byId.set(`${draft.conversation}/${draft.user}/${draft.id}`, draft);
  }

  remove({ conversation, stream, user, id }: OpenDraft): void {
    this.byHandle.delete(`${conversation}/${stream}`);
    this.byId.delete(`${conversation}/${user}/${id}`);
  }

  /** Reads all open streams from the disk. Their leases begin at `now` (ST3). */
  reload(table: StreamTable, now: number, lease: number): void {
    this.byHandle.clear();
    this.byId.clear();
    for (const { row, batches } of table.readAll()) {
      const text = batches.map((batch) => batch.text).join("");
      const { replyTo, exempt, generation, startedAt, cancelledBy: by, cancelUntil: until, ...names } = row;
      const newest = batches.findLast((batch) => batch.data !== null);
      this.add({
        ...names,
        ...{ text, data: newest?.data ?? undefined, replyTo: replyTo ?? undefined, exempt: exempt === 1 },
        state: {
          ...{ generation, startedAt, n: batches.at(-1)?.n ?? 0, bytes: jsonBytes(text) },
          ...{ appendedAt: now, leaseUntil: now + lease },
          cancel: by === null || until === null ? undefined : { by, until },
        },
        positions: batches.map(({ position }) => position),
        dataPosition: newest?.position,
      });
    }
  }
}

/** A draft as readers get it. */
export function draftText(draft: OpenDraft): DraftText {
  const { conversation, stream, id, user: from, text, data, replyTo, state } = draft;
  return {
    ...{ conversation, stream, id, from, text, generation: state.generation, n: state.n },
    ...(data !== undefined && { data }),
    ...(replyTo !== undefined && { replyTo }),
    at: state.startedAt,
  };
}
