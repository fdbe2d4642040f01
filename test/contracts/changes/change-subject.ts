import type { Change } from "../../../src/core/changes/decide-change.ts";
import type { ChangedEntry, FoldPlan } from "../../../src/core/changes/fold.ts";
import type { Reactions } from "../../../src/core/changes/message-state.ts";
import type {
  AcceptableChange,
  ChangeEvent,
  ChangeRequest,
  ChangeResult,
  MissedChanges,
} from "../../../src/core/ports/conversation/changes.ts";
import type { StreamStartResult } from "../../../src/core/ports/conversation/streams.ts";
import type { Message } from "../../../src/protocol/server-frames.ts";
import { decodeEntry } from "../../support/entries.ts";
import type { Subject } from "../engine/subject.ts";

/** What a test says of a change. */
export type ChangeFields = Partial<Omit<ChangeRequest, "seq" | "change">>;

/** The changes of an engine under test, with the fields that a test does not care about filled in. */
export class ChangeSubject {
  constructor(readonly subject: Subject) {}

  /** Begins a change at once; several without `await` between them arrive in one turn of the event loop. */
  change(seq: number, change: Change, fields: ChangeFields = {}): Promise<ChangeResult> {
    const request = { conversation: "room", user: "anna", limit: 1_000, moderates: false, ...fields };
    return new Promise((resolve) => this.subject.engine.changes.change({ ...request, seq, change }, resolve));
  }

  /** What an edit would come to. */
  consider(seq: number, text: string, fields: ChangeFields = {}): Promise<ChangeResult | AcceptableChange> {
    const request = { conversation: "room", user: "anna", limit: 1_000, moderates: false, ...fields };
    const change = { kind: "edit", text } as const;
    return new Promise((resolve) =>
      this.subject.engine.changes.consider({ ...request, seq, change }, resolve),
    );
  }

  edit(seq: number, text: string, fields: ChangeFields & { ifRev?: number } = {}): Promise<ChangeResult> {
    const { ifRev, ...rest } = fields;
    return this.change(seq, { kind: "edit", text, ...(ifRev !== undefined && { ifRev }) }, rest);
  }

  erase(seq: number, fields: ChangeFields & { reason?: string } = {}): Promise<ChangeResult> {
    const { reason, ...rest } = fields;
    return this.change(seq, { kind: "erase", ...(reason !== undefined && { reason }) }, rest);
  }

  react(seq: number, reaction: string, fields: ChangeFields & { on?: boolean } = {}): Promise<ChangeResult> {
    const { on = true, ...rest } = fields;
    return this.change(seq, { kind: "react", reaction, on }, rest);
  }

  startStream(id: string): Promise<StreamStartResult> {
    const request = { conversation: "room", user: "anna", limit: 1_000, id };
    return new Promise((resolve) => this.subject.engine.streams.start(request, resolve));
  }

  /** Reads what was missed since `after`, of all messages. */
  async missed(plan: Partial<FoldPlan> = {}, user?: string): Promise<MissedChanges> {
    const whole = { after: 0, first: 1, last: Number.MAX_SAFE_INTEGER, count: 1_000, ...plan };
    const missed = await this.subject.engine.changes.missed("room", whole, user);
    if (missed === undefined) throw new Error("The changes were not read.");
    return missed;
  }

  /** The messages of the conversation, as they are now. */
  async messages(): Promise<readonly (Message & { reactions?: Reactions })[]> {
    return (await this.subject.read()).messages;
  }

  /** Records the changes of subscribed conversations from now on. */
  watch(): ChangeEvent[] {
    const events: ChangeEvent[] = [];
    this.subject.engine.changes.watch((event) => events.push(event));
    return events;
  }
}

/** A message that was changed, as the wire has it. */
export function decodeChanged({ entry, ...rest }: ChangedEntry): object {
  return { ...rest, message: decodeEntry(entry) };
}
