import type { Database } from "bun:sqlite";
import type { Relay, RelayListener, RelayRoom } from "../../../core/ports/relay.ts";
import type { FeedEventType } from "../../../protocol/feed/event-types.ts";
import type { EventTable } from "./event-table.ts";
import type { FeedOperation } from "./operation.ts";
import type { PresentTable, PresentUser } from "./present-table.ts";
import type { WantedTypes } from "./wanted-types.ts";

const NO_USERS: ReadonlyMap<string, number> = new Map();

export interface FeedPresenceDeps {
  readonly db: Database;
  readonly table: EventTable;
  readonly present: PresentTable;
  readonly types: WantedTypes;
  readonly enqueue: (operation: FeedOperation) => void;
  readonly now: () => number;
}

/** The relay of a single node: there is no other one, but the feed has who joins and leaves while somebody reads that. */
export class FeedPresence implements Relay {
  private readonly listeners = new Set<RelayListener>();

  constructor(private readonly deps: FeedPresenceDeps) {}

  async open(conversation: string, listener: RelayListener): Promise<RelayRoom> {
    this.listeners.add(listener);
    return new PresenceRoom(this, conversation);
  }

  async present(): Promise<ReadonlyMap<string, number>> {
    return NO_USERS;
  }

  /** Whether the readers of the feed are to see who leaves. */
  get isRead(): boolean {
    return this.deps.types.counts("presence.left");
  }

  /** A user joined, or left. */
  changed(type: "presence.joined" | "presence.left", user: PresentUser): void {
    const { types } = this.deps;
    if (!types.counts("presence.joined") && !this.isRead) return;
    const events = types.counts(type) ? [{ type, ...user }] : [];
    this.enqueue({ events, [type === "presence.joined" ? "joined" : "left"]: [user] });
  }

  /** `presence.left` has begun to be read: notes who is present now. */
  begin(): void {
    const joined = [...this.listeners].flatMap((listener) => [...listener.presentHere()]);
    this.deps.db.transaction(() => this.deps.present.takeAll()).immediate();
    if (joined.length > 0) this.enqueue({ events: [], joined });
  }

  /** At the start: those who were present when the last server ended have left (EV3). */
  recover(): void {
    const { db, table, present, types, now } = this.deps;
    const type: FeedEventType = "presence.left";
    db.transaction(() => {
      const at = now();
      const all = present.takeAll();
      if (types.counts(type)) for (const user of all) table.add({ type, ...user }, at);
    }).immediate();
  }

  private enqueue(request: FeedOperation["request"]): void {
    // An event that cannot be stored is in the log as a write that failed; the table is right again with the next start.
    this.deps.enqueue({ kind: "feed", request, done: () => {} });
  }
}

/** A conversation that is open on the node. */
class PresenceRoom implements RelayRoom {
  readonly isShared = false;

  constructor(
    private readonly presence: FeedPresence,
    private readonly conversation: string,
  ) {}

  get reportsLeaves(): boolean {
    return this.presence.isRead;
  }

  remoteMembers(): ReadonlyMap<string, number> {
    return NO_USERS;
  }

  join(user: string, since: number): number {
    this.presence.changed("presence.joined", { conversation: this.conversation, user });
    return since;
  }

  leave(user: string, at: number): number {
    this.presence.changed("presence.left", { conversation: this.conversation, user });
    return at;
  }

  sendTyping(): void {}
  sendReadMark(): void {}

  close(): void {}
}
