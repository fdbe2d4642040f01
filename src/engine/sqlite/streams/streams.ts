import { ERASED_USER } from "../../../core/person/erased-user.ts";
import type {
  DecideEnd,
  DraftText,
  StreamAppend,
  StreamAppendEvent,
  StreamAppendResult,
  StreamCancel,
  StreamCancelResult,
  StreamDraftEvent,
  StreamEnd,
  StreamEndResult,
  StreamEvent,
  StreamListener,
  StreamStart,
  StreamStartResult,
  Streams,
  StreamWriter,
} from "../../../core/ports/conversation/streams.ts";
import { dueAt, type StreamRules, stepDraft } from "../../../core/streams/draft.ts";
import { Listeners } from "../../listeners.ts";
import type { StreamCommand, StreamOperation, StreamResult } from "../../stream-operation.ts";
import { draftText, type OpenDraft, type OpenDrafts } from "./open-drafts.ts";
import type { StreamCommands } from "./stream-commands.ts";
import type { StreamTable } from "./stream-table.ts";

export interface SqliteStreamsDeps {
  readonly table: StreamTable;
  readonly drafts: OpenDrafts;
  readonly commands: Pick<StreamCommands, "reload" | "forget">;
  readonly rules: StreamRules;
  readonly now: () => number;
  readonly enqueue: (operation: StreamOperation) => void;
  readonly assertReadable: () => void;
}

/** After so long without a sweep the leases of all streams begin again, in milliseconds: the server was stopped or suspended. */
const AWAY_MS = 3_000;

/** The port for streams on SQLite. Commands go through the batches of the engine; all open drafts are in memory, too. */
export class SqliteStreams implements Streams {
  private readonly listeners: Listeners<StreamEvent>;
  private sweeping = false;
  private decideEnd: DecideEnd | undefined;
  /** What is being decided about because it is over its time. */
  private readonly deciding = new Set<OpenDraft>();
  private sweptAt = Number.POSITIVE_INFINITY;

  constructor(private readonly deps: SqliteStreamsDeps) {
    this.listeners = new Listeners();
  }

  start(request: StreamStart, done: (result: StreamStartResult) => void): void {
    this.enqueue({ type: "start", ...request }, done);
  }

  append(
    request: StreamWriter & { readonly appends: readonly StreamAppend[] },
    done: (result: StreamAppendResult) => void,
  ): void {
    this.enqueue({ type: "append", ...request }, done);
  }

  end(request: StreamEnd, done: (result: StreamEndResult) => void): void {
    this.enqueue({ type: "end", ...request }, done);
  }

  cancel(request: StreamCancel): Promise<StreamCancelResult> {
    return new Promise((done) => this.enqueue({ type: "cancel", ...request }, done));
  }

  /** Reads the open streams from the disk. */
  reload(): void {
    this.deps.commands.reload(this.deps.now());
  }

  async renew(writers: readonly StreamWriter[]): Promise<void> {
    const { drafts, rules, now } = this.deps;
    for (const { conversation, stream, generation } of writers) {
      const draft = drafts.find(conversation, stream);
      if (draft === undefined) continue;
      draft.state = stepDraft(draft.state, { type: "renew", generation }, now(), rules).draft ?? draft.state;
    }
  }

  approveEnds(decide: DecideEnd): void {
    this.decideEnd = decide;
  }

  async refuse(user: string, conversation: string | undefined): Promise<void> {
    if (this.decideEnd !== undefined) {
      const own = this.deps.drafts
        .all()
        .filter(
          (draft) => draft.user === user && (conversation ?? draft.conversation) === draft.conversation,
        );
      await Promise.all(own.map((draft) => this.decideAndEnd(draft, "refuse")));
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.enqueue({ type: "refuse", user, conversation }, ({ outcome }: StreamResult) =>
      outcome === "unavailable" ? reject(new Error("The streams of a user could not be ended.")) : resolve(),
    );
    return promise;
  }

  /** A conversation was removed: its streams end without a message. */
  conversationRemoved(conversation: string): void {
    if (this.deps.drafts.of(conversation).length > 0)
      this.enqueue({ type: "refuse", user: undefined, conversation }, () => {});
  }

  async drafts(conversation: string): Promise<readonly DraftText[]> {
    this.deps.assertReadable();
    return this.deps.drafts.of(conversation).map(draftText);
  }

  publish(event: StreamAppendEvent | StreamDraftEvent): void {
    this.announce(event);
  }

  watch(listener: StreamListener): () => void {
    return this.listeners.add(listener);
  }

  announce(event: StreamEvent): void {
    this.listeners.notify(event);
  }

  /** Ends the streams that are over their time. Called every half second; costs nothing while none is open. */
  sweep(): void {
    const { drafts, rules, now, table } = this.deps;
    table.prune();
    const at = now();
    const wasAway = at - this.sweptAt > AWAY_MS;
    this.sweptAt = at;
    if (drafts.size === 0 || this.sweeping) return;
    // Requests of the writers wait, and come next (ST3).
    if (wasAway)
      for (const draft of drafts.all()) draft.state = { ...draft.state, leaseUntil: at + rules.lease };
    const due = drafts.all().filter(({ state }) => at >= dueAt(state, rules));
    if (due.length === 0) return;
    if (this.decideEnd !== undefined) {
      // It is asked about while others are swept; `finish` finds out whether it is still over its time then.
      for (const draft of due) this.decideAndEnd(draft, "due").catch(() => {});
      return;
    }
    this.sweeping = true;
    this.enqueue({ type: "sweep" }, () => {
      this.sweeping = false;
    });
  }

  /** Drops the name of a user who has asked streams of others to stop. */
  forget(user: string): void {
    const { drafts, commands } = this.deps;
    commands.forget(user);
    for (const draft of drafts.all()) {
      const { cancel } = draft.state;
      if (cancel?.by === user) draft.state = { ...draft.state, cancel: { ...cancel, by: ERASED_USER } };
    }
  }

  close(): void {
    this.deps.table.close();
  }

  /** Rejects where the stream could not be ended; then the next sweep comes to it. */
  private async decideAndEnd(draft: OpenDraft, why: "due" | "refuse"): Promise<void> {
    const { conversation, stream } = draft;
    if (why === "due" && this.deciding.has(draft)) return;
    this.deciding.add(draft);
    try {
      const content = await this.decideEnd!(draftText(draft));
      const { outcome } = await new Promise<StreamResult>((done) =>
        this.enqueue({ type: "finish", why, conversation, stream, content }, done),
      );
      if (outcome === "unavailable") throw new Error("A stream could not be ended.");
    } finally {
      this.deciding.delete(draft);
    }
  }

  private enqueue(request: StreamCommand, done: (result: never) => void): void {
    this.deps.enqueue({ kind: "stream", request, done });
  }
}
