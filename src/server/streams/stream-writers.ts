import type { Clock } from "../../core/ports/clock.ts";
import type {
  DraftText,
  StreamAppend,
  StreamAppendResult,
  StreamEndResult,
  StreamEvent,
  Streams,
  StreamWriter,
} from "../../core/ports/conversation/streams.ts";
import type { RequestReply } from "../../core/session/request-reply.ts";
import { jsonBytes } from "../../core/streams/draft.ts";
import { appendError, endReply, fencedError, gapError, tooLargeError } from "../../core/streams/replies.ts";
import {
  APPEND_BATCH_BYTES,
  APPEND_INTERVAL_MS,
  considerAppend,
  LEASE_SHARE,
  MAX_BATCH_AGE_AFTER_LOSS_MS,
  shownAppends,
} from "../../core/streams/writing.ts";
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import { streamKey } from "./stream-key.ts";
import { dropData, type StartedStream, type StreamHost, storedUpTo, type Writer } from "./writer-state.ts";

export interface StreamWritersDeps {
  readonly streams: Pick<Streams, "append" | "end" | "renew" | "publish" | "watch" | "drafts">;
  readonly clock: Clock;
  /** The lease of a writer that is gone, in milliseconds. */
  readonly lease: number;
  /** The most bytes of a stream's text, as JSON. */
  readonly maxBytes: number;
  readonly onError: (error: unknown) => void;
}

/** The streams that are written by connections to this node: it collects their appends, and stores them in batches (ST5). */
export class StreamWriters {
  private readonly writers = new Map<string, Writer>();
  /** How many streams have their writer here. */
  get size(): number {
    return this.writers.size;
  }

  private readonly byConnection = new Map<object, Set<Writer>>();
  /** The connections that wait for the result of a start, by conversation, user and id. */
  private readonly starting = new Map<string, object>();
  private stopTicking: (() => void) | undefined;
  private renewedAt = 0;
  private readonly stopWatching: () => void;

  constructor(private readonly deps: StreamWritersDeps) {
    this.stopWatching = deps.streams.watch((event) => this.onEvent(event));
  }

  stop(): void {
    this.stopWatching();
    this.stopTicking?.();
  }

  /** A connection has asked to start a stream; `started` follows. */
  begin({ connection, conversation, user }: StreamHost, id: string): void {
    this.starting.set(startKey(conversation, user, id), connection);
  }

  /** A connection writes a stream from now on; without one, its start was refused or it is gone. */
  started(host: StreamHost, id: string, started: StartedStream | undefined): void {
    const { conversation, user, connection } = host;
    const key = startKey(conversation, user, id);
    if (this.starting.get(key) === connection) this.starting.delete(key);
    if (started !== undefined) this.add(host, started);
  }

  private add(host: StreamHost, started: StartedStream): void {
    const { conversation } = host;
    const key = streamKey({ conversation, stream: started.stream });
    const older = this.writers.get(key);
    if (older !== undefined) this.remove(key, older);
    const writer: Writer = {
      ...{ ...started, conversation, host, received: started.n, bytes: 0 },
      ...{ waiting: [], waitingBytes: 0, sent: 0, ending: false, asked: false, lostAt: undefined },
      isFrozen: false,
    };
    this.writers.set(key, writer);
    const own = this.byConnection.get(host.connection);
    if (own === undefined) this.byConnection.set(host.connection, new Set([writer]));
    else own.add(writer);
    this.stopTicking ??= this.deps.clock.every(APPEND_INTERVAL_MS, () => this.tick());
  }

  /** Takes an append of a client, shows it to readers, and stores it with the next batch. */
  append(host: StreamHost, { stream, n, text, data }: ClientFrameOf<"stream_append">): void {
    const writer = this.find(host, stream);
    if (writer === undefined || writer.ending) {
      host.send(fencedError(stream));
      return;
    }
    const bytes = jsonBytes(text);
    const verdict = considerAppend(writer, n, bytes, this.deps.maxBytes);
    if (verdict === "known") this.reportStored(writer);
    else if (verdict === "gap") host.send(gapError(stream, writer.received));
    else if (verdict === "too_large") host.send(tooLargeError(stream));
    else this.take(writer, { n, text, ...(data !== undefined && { data: JSON.stringify(data) }) }, bytes);
  }

  private take(writer: Writer, append: StreamAppend, bytes: number): void {
    writer.bytes += bytes;
    writer.waitingBytes += bytes;
    if (append.data !== undefined) dropData(writer, writer.sent);
    writer.waiting.push(append);
    const { conversation, stream, generation, received: after } = writer;
    writer.received = append.n;
    this.deps.streams.publish({ type: "append", conversation, stream, generation, after, ...append });
    if (writer.waitingBytes >= APPEND_BATCH_BYTES) this.store(writer);
  }

  /** Ends a stream of a client; what is not stored yet goes with it. */
  end(
    host: StreamHost,
    { stream, state, data }: ClientFrameOf<"stream_end">,
    limit: number,
    done: (reply: RequestReply) => void,
  ): void {
    const writer = this.find(host, stream);
    if (writer === undefined || writer.ending) {
      done({ frame: fencedError(stream), quota: undefined });
      return;
    }
    writer.ending = true;
    const { conversation, generation, waiting, id } = writer;
    const json = data === undefined ? {} : { data: JSON.stringify(data) };
    this.deps.streams.end(
      { conversation, stream, generation, appends: [...waiting], state, limit, user: host.user, ...json },
      (result) => {
        this.onEnd(writer, result);
        done(endReply(stream, id, result));
      },
    );
  }

  /**
   * The user of a connection may not write on it any more, in any conversation or in those that `isRefused` names: its streams
   * end with what has come of them (ST3).
   */
  refuse(connection: object, isRefused: (conversation: string) => boolean = () => true): void {
    for (const writer of this.byConnection.get(connection) ?? []) {
      const { conversation, stream, generation, waiting } = writer;
      if (writer.ending || !isRefused(conversation)) continue;
      writer.ending = true;
      const user = writer.host?.user;
      this.deps.streams.end(
        { conversation, stream, generation, appends: [...waiting], state: "interrupted", limit: 0, user },
        (result) => {
          const { host } = writer;
          this.onEnd(writer, result);
          if (result.outcome === "stored" || result.outcome === "rejected")
            host?.send(fencedError(stream, result.seq));
        },
      );
    }
  }

  /** A connection has ended. What it wrote is stored, and the lease of its streams begins (ST3). */
  left(connection: object): void {
    const own = this.byConnection.get(connection);
    if (own === undefined) return;
    this.byConnection.delete(connection);
    const now = this.deps.clock.now();
    for (const writer of own) {
      writer.host = undefined;
      writer.lostAt = now;
      writer.isFrozen = false;
      this.store(writer);
    }
    this.renew([...own]);
  }

  /** The streams that a connection writes. */
  of(connection: object): readonly (StreamWriter & Pick<StartedStream, "id">)[] {
    return [...(this.byConnection.get(connection) ?? [])];
  }

  /** For test faults: stops storing what a connection writes, and renewing its leases, which begin now. */
  freeze(connection: object): void {
    const own = [...(this.byConnection.get(connection) ?? [])];
    for (const writer of own) writer.isFrozen = true;
    this.renew(own);
  }

  /** Ends a freeze. */
  thaw(connection: object): void {
    for (const writer of this.byConnection.get(connection) ?? []) writer.isFrozen = false;
  }

  /** For test faults: forgets the streams of a connection with all that is not stored of them. */
  forget(connection: object): void {
    for (const writer of [...(this.byConnection.get(connection) ?? [])])
      this.remove(streamKey(writer), writer);
  }

  private find({ connection, conversation }: StreamHost, stream: string): Writer | undefined {
    const writer = this.writers.get(streamKey({ conversation, stream }));
    return writer?.host?.connection === connection ? writer : undefined;
  }

  /** Sends what waits to the store. One batch of a stream is on its way at a time. */
  private store(writer: Writer): void {
    if (writer.sent > 0 || writer.waiting.length === 0 || writer.ending || writer.isFrozen) return;
    const { conversation, stream, generation } = writer;
    const appends = [...writer.waiting];
    writer.sent = appends.length;
    this.deps.streams.append({ conversation, stream, generation, appends }, (result) =>
      this.onStored(writer, result),
    );
  }

  private onStored(writer: Writer, result: StreamAppendResult): void {
    writer.sent = 0;
    const { stream, host } = writer;
    switch (result.outcome) {
      case "stored":
        this.confirm(writer, result.n);
        if (result.cancelledBy !== undefined) this.ask(writer, result.cancelledBy);
        this.reportStored(writer);
        return;
      // The batch is sent again as it was, together with what came meanwhile.
      case "unavailable":
        return;
      case "gap":
        this.goOnFrom(writer, result.n);
        break;
      case "too_large":
        this.goOnFrom(writer, storedUpTo(writer));
        break;
      case "fenced":
        this.remove(streamKey(writer), writer);
        break;
      default:
        result satisfies never;
    }
    const error = appendError(stream, result);
    if (error !== undefined) host?.send(error);
  }

  private onEnd(writer: Writer, result: StreamEndResult): void {
    const { outcome } = result;
    if (outcome === "stored" || outcome === "rejected" || outcome === "fenced")
      this.remove(streamKey(writer), writer);
    else writer.ending = false;
    if (result.outcome === "gap") this.goOnFrom(writer, result.n);
    // The next try to end it must not fail by the same text.
    if (result.outcome === "too_large") this.goOnFrom(writer, storedUpTo(writer));
  }

  /** The client goes on after the append `n`; what waited is dropped. */
  private goOnFrom(writer: Writer, n: number): void {
    const hasShownMore = writer.received > n;
    writer.received = n;
    writer.bytes -= writer.waitingBytes;
    writer.waiting = [];
    writer.waitingBytes = 0;
    if (hasShownMore) this.showStored(writer).catch(this.deps.onError);
  }

  /** Readers were shown appends that are not stored: they get what the stream has (ST1). */
  private async showStored(writer: Writer): Promise<void> {
    const { streams } = this.deps;
    const { conversation, stream, generation } = writer;
    // A store that lost appends may have less than it has confirmed.
    for (let tries = 3; tries > 0; tries--) {
      const open = await streams.drafts(conversation);
      const draft = open.find((one) => one.stream === stream && one.generation === generation);
      if (draft === undefined) return;
      // More was stored since: it is in neither.
      if (draft.n < storedUpTo(writer) && tries > 1) continue;
      const shown = shownAppends(writer, writer.waiting, draft.n);
      const newest = shown && { n: shown.n, text: draft.text + shown.text, data: shown.data ?? draft.data };
      streams.publish({ type: "draft", conversation, draft: { ...draft, ...newest } });
      return;
    }
  }

  private confirm(writer: Writer, n: number): void {
    writer.waiting = writer.waiting.filter((append) => append.n > n);
    writer.waitingBytes = writer.waiting.reduce((sum, { text }) => sum + jsonBytes(text), 0);
  }

  private reportStored(writer: Writer): void {
    writer.host?.send({ type: "stream_stored", stream: writer.stream, n: storedUpTo(writer) });
  }

  private ask(writer: Writer, by: string): void {
    if (writer.asked || writer.ending) return;
    writer.asked = true;
    writer.host?.send({ type: "stream_cancel", stream: writer.stream, by });
  }

  private onEvent(event: StreamEvent): void {
    if (event.type === "append") return;
    const name = event.type === "draft" ? event.draft : event;
    const key = streamKey(name);
    const writer = this.writers.get(key);
    // The result of `end` says what became of it.
    if (writer === undefined || writer.ending) return;
    switch (event.type) {
      case "cancel":
        this.ask(writer, event.by);
        return;
      case "draft":
        if (event.draft.generation <= writer.generation) return;
        break;
      case "ended":
        break;
      default:
        event satisfies never;
    }
    const { host } = writer;
    this.remove(key, writer);
    if (event.type === "ended") host?.send(fencedError(writer.stream, event.seq));
    else if (!this.takesOverItself(writer, event.draft)) host?.send(fencedError(writer.stream));
  }

  /** Whether the connection has started its own stream again: the reply to that is all it needs. */
  private takesOverItself({ host }: Writer, { conversation, from, id }: DraftText): boolean {
    return host !== undefined && this.starting.get(startKey(conversation, from, id)) === host.connection;
  }

  private tick(): void {
    const now = this.deps.clock.now();
    for (const [key, writer] of this.writers) {
      this.store(writer);
      const { lostAt, waiting, sent } = writer;
      if (lostAt === undefined) continue;
      if ((waiting.length === 0 && sent === 0) || now >= lostAt + MAX_BATCH_AGE_AFTER_LOSS_MS)
        this.remove(key, writer);
    }
    if (now >= this.renewedAt + this.deps.lease * LEASE_SHARE) {
      this.renewedAt = now;
      this.renew([...this.writers.values()].filter(({ host, isFrozen }) => host !== undefined && !isFrozen));
    }
    if (this.writers.size > 0) return;
    this.stopTicking?.();
    this.stopTicking = undefined;
  }

  private renew(writers: readonly Writer[]): void {
    if (writers.length === 0) return;
    const names = writers.map(({ conversation, stream, generation }) => ({
      conversation,
      stream,
      generation,
    }));
    this.deps.streams.renew(names).catch(this.deps.onError);
  }

  private remove(key: string, writer: Writer): void {
    if (this.writers.get(key) === writer) this.writers.delete(key);
    const { host } = writer;
    if (host === undefined) return;
    const own = this.byConnection.get(host.connection);
    if (own?.delete(writer) && own.size === 0) this.byConnection.delete(host.connection);
  }
}

function startKey(conversation: string, user: string, id: string): string {
  return `${conversation}/${user}/${id}`;
}
