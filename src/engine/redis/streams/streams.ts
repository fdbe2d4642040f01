import type { Emit } from "../../../core/events/events.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type {
  DecideEnd,
  DraftText,
  Fenced,
  StreamAppend,
  StreamAppendEvent,
  StreamAppendResult,
  StreamCancel,
  StreamCancelResult,
  StreamDraftEvent,
  StreamEnd,
  StreamEndResult,
  StreamListener,
  StreamName,
  StreamStart,
  StreamStartResult,
  Streams,
  StreamWriter,
} from "../../../core/ports/conversation/streams.ts";
import { CANCEL_GRACE_MS, type StreamRules } from "../../../core/streams/draft.ts";
import { rejectionIn } from "../../../core/streams/rejected.ts";
import { bucketOf } from "../connection/buckets.ts";
import type { Channels } from "../connection/channels.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { AppendCalls } from "./append-calls.ts";
import { decodeDrafts, newHandle, type StoredDraft } from "./encoding.ts";
import { KnownStreams } from "./known-streams.ts";
import type { EndOperation, EndOutcome, EndRequest, StartOperation, StartOutcome } from "./operations.ts";
import { StreamEvents } from "./stream-events.ts";
import { StreamSweeper } from "./stream-sweeper.ts";

const CANCEL = new Script("streams/cancel");
const RENEW = new Script("streams/renew");
const READ = new Script("streams/read");

/** How often streams are forgotten whose end this node did not receive, in milliseconds. */
const FORGET_INTERVAL_MS = 60_000;

/** Of so many streams that have ended it is known which message they became. */
const MAX_ENDED = 1_000;

export interface RedisStreamsDeps {
  readonly client: RedisClient;
  readonly channels: Channels;
  readonly emit: Emit;
  readonly rules: StreamRules;
  readonly clock: Clock;
  /** A manual clock, for tests. Without it, the time of Redis is used. */
  readonly time: Clock | undefined;
  /** How long a replica may take to have the writes, in milliseconds; undefined: the primary is enough. */
  readonly replicaTimeoutMs: number | undefined;
  /** Adds an operation to the next batch. */
  readonly enqueue: (operation: StartOperation | EndOperation) => void;
}

/**
 * The port for streams on Redis. Starts and ends go through the batches of the engine, so that they have one order with messages;
 * appends are calls of their own. The scripts are in lua/streams/.
 */
export class RedisStreams implements Streams {
  private readonly known: KnownStreams;
  private readonly events: StreamEvents;
  private readonly appends: AppendCalls;
  private readonly sweeper: StreamSweeper;
  /** The streams whose end is on its way. */
  private readonly ending = new Set<string>();
  /** The messages of streams that have ended, by their handles: the newest ones. */
  private readonly ended = new Map<string, number>();
  private readonly stopForgetting: () => void;
  private decideEnd: DecideEnd | undefined;

  constructor(private readonly deps: RedisStreamsDeps) {
    const { client, channels, emit, rules, clock } = deps;
    const known = new KnownStreams(channels);
    this.known = known;
    const othersListen = (conversation: string) => known.othersListen(conversation);
    this.events = new StreamEvents({ channels, node: client.node, emit, othersListen });
    const subscriptions = (conversation: string) => (channels.has(conversation) ? 1 : 0);
    this.appends = new AppendCalls({ ...deps, subscriptions });
    const endIfDue = (name: StreamName, since: number) => this.endIfDue(name, since);
    this.sweeper = new StreamSweeper({ ...deps, endIfDue });
    this.events.watch((event) => {
      if (event.type === "draft") known.add(event.draft, false);
      if (event.type !== "ended") return;
      known.delete(event);
      this.rememberEnd(event.stream, event.seq);
    });
    this.stopForgetting = clock.every(FORGET_INTERVAL_MS, () =>
      known.forgetOlder(clock.now() - rules.max - 2 * rules.lease),
    );
  }

  start(request: StreamStart, done: (result: StreamStartResult) => void): void {
    this.deps.enqueue({
      kind: "start",
      request: { ...request, handle: newHandle() },
      done: (result) => done(this.onStarted(result)),
    });
  }

  append(
    request: StreamWriter & { readonly appends: readonly StreamAppend[] },
    done: (result: StreamAppendResult) => void,
  ): void {
    const { conversation, stream, generation, appends } = request;
    this.appends.add({
      writer: { conversation, stream, generation },
      appends,
      done: (result, othersListen) => {
        this.known.setOthersListen(conversation, othersListen);
        if (result.outcome !== "fenced") done(result);
        // Its end has overtaken it, and has the same appends.
        else if (this.ending.has(stream)) done({ outcome: "stored", n: appends.at(-1)?.n ?? 0 });
        else this.findMessage(request, done);
      },
    });
  }

  /** Names the message that the stream of a fenced writer has become, if it has. */
  private findMessage(writer: StreamWriter, done: (result: Fenced) => void): void {
    const { conversation, stream, generation } = writer;
    const name = this.known.find(writer)?.name;
    const seq = this.ended.get(stream);
    if (seq !== undefined || name === undefined) done(fencedBy(seq));
    // Another node has ended it, and has not announced that yet. The end of a fenced writer ends nothing.
    else
      this.enqueueEnd(
        { conversation, stream, generation, appends: [], state: undefined, limit: 0, name, why: "end" },
        (result) => done(fencedBy(result.outcome === "fenced" ? result.message : undefined)),
      );
  }

  private rememberEnd(stream: string, seq: number): void {
    this.ended.set(stream, seq);
    if (this.ended.size <= MAX_ENDED) return;
    for (const oldest of this.ended.keys()) {
      this.ended.delete(oldest);
      return;
    }
  }

  end(request: StreamEnd, done: (result: StreamEndResult) => void): void {
    const { conversation, stream, generation, appends, state, data, limit, content } = request;
    this.appends.flush();
    this.ending.add(stream);
    const known = this.known.find(request);
    const why = known?.mayHaveEnded ? "end again" : "end";
    this.enqueueEnd(
      { conversation, stream, generation, appends, state, data, limit, content, name: known?.name, why },
      (result) => {
        this.ending.delete(stream);
        if (known !== undefined) known.mayHaveEnded ||= result.outcome === "unavailable";
        done(endResult(result, this.ended.get(stream)));
      },
    );
  }

  async cancel(request: StreamCancel): Promise<StreamCancelResult> {
    const { client, rules, emit } = this.deps;
    const { conversation, target, by, moderates, discard } = request;
    const name = client.keys.conversationName(conversation);
    const aim = "stream" in target ? ["s", target.stream] : ["r", target.replyTo];
    const values = [this.now, rules.lease, CANCEL_GRACE_MS, ...aim, by, moderates ? 1 : 0, discard ? 1 : 0];
    let reply: readonly (string | number)[];
    try {
      reply = (await client.run(CANCEL, [`${name}:meta`, `${name}:log`], values)) as typeof reply;
    } catch (error) {
      if (client.ready) emit("store.write_failed", { error: String(error) });
      return { outcome: "unavailable" };
    }
    const [outcome, ...handles] = reply;
    if (outcome !== 2) return { outcome: outcome === 0 ? "not_found" : "forbidden" };
    const streams = handles.map((handle) => ({ conversation, stream: String(handle) }));
    if (!discard) for (const each of streams) this.events.announce({ type: "cancel", ...each, by });
    else {
      const ended = await Promise.all(
        streams.map((each) => this.finish({ ...each, why: "discard", by, limit: 0 })),
      );
      if (ended.some((each) => each.outcome === "unavailable")) return { outcome: "unavailable" };
    }
    return { outcome: "asked", streams: streams.length };
  }

  async renew(writers: readonly StreamWriter[]): Promise<void> {
    const { client } = this.deps;
    // When the store is back, the leases of all streams begin again.
    if (writers.length === 0 || !client.ready) return;
    const groups = client.isCluster
      ? [...Map.groupBy(writers, ({ conversation }) => bucketOf(conversation)).values()]
      : [writers];
    await Promise.all(
      groups.map((some) => {
        const keys = some.map(({ conversation }) => client.keys.conversationKey(conversation, "meta"));
        const values = some.flatMap(({ stream, generation }) => [stream, generation]);
        return client.run(RENEW, keys, [this.now, ...values]);
      }),
    );
  }

  async refuse(user: string, conversation: string | undefined): Promise<void> {
    const conversations = conversation === undefined ? await this.conversationsOf(user) : [conversation];
    const { decideEnd } = this;
    const open = await Promise.all(conversations.map((each) => this.read(each, decideEnd !== undefined)));
    const own = open.flat().flatMap(({ draft }) => (draft.from === user ? [draft] : []));
    const ended = await Promise.all(
      own.map(async (draft) => {
        const { stream } = draft;
        const content = await decideEnd?.(draft);
        return this.finish({ conversation: draft.conversation, stream, why: "refuse", limit: 0, content });
      }),
    );
    if (ended.some(({ outcome }) => outcome === "unavailable"))
      throw new Error("The streams of a user could not be ended.");
  }

  approveEnds(decide: DecideEnd): void {
    this.decideEnd = decide;
  }

  async drafts(conversation: string): Promise<readonly DraftText[]> {
    const drafts = await this.read(conversation, true);
    for (const { draft } of drafts) this.known.add(draft, false);
    return openOf(drafts);
  }

  publish(event: StreamAppendEvent | StreamDraftEvent): void {
    if (event.type === "append") this.events.append(event);
    else this.events.announce(event);
  }

  watch(listener: StreamListener): () => void {
    return this.events.watch(listener);
  }

  /** Called when the node starts, before it is used. */
  begin(): Promise<void> {
    return this.sweeper.begin();
  }

  /** After Redis was unavailable: has the listeners know what has become of the streams that they know. */
  async recover(): Promise<void> {
    await this.sweeper.begin();
    for (const [conversation, streams] of this.known.all()) {
      const drafts = await this.read(conversation, true);
      const open = new Set(drafts.map(({ draft }) => draft.stream));
      for (const draft of openOf(drafts)) this.events.notify({ type: "draft", conversation, draft });
      for (const stream of streams)
        if (!open.has(stream)) this.events.notify({ type: "ended", conversation, stream, seq: 0 });
    }
  }

  /** Stops to end streams; operations that were enqueued are still carried out. */
  async stop(): Promise<void> {
    this.appends.flush();
    this.stopForgetting();
    await this.sweeper.stop();
  }

  close(): void {
    this.events.close();
  }

  private onStarted(result: StartOutcome): StreamStartResult {
    if (!("draft" in result)) return result;
    const { outcome, draft, cancelledBy, quota } = result;
    const { stream, generation, n, conversation } = draft;
    this.known.add(draft, true);
    this.events.announce({ type: "draft", conversation, draft });
    return {
      ...{ outcome, stream, generation, n, quota },
      ...(cancelledBy !== undefined && { cancelledBy }),
    };
  }

  private async endIfDue(name: StreamName, since: number): Promise<void> {
    const { decideEnd } = this;
    if (decideEnd === undefined) await this.finish({ ...name, why: "due", since, limit: 0 });
    else this.decideAndEnd(decideEnd, name, since).catch((error) => this.onSweepFailed(error));
  }

  /** Ends a stream with what is decided about it, if it is over its time. A sweep does not wait for that. */
  private async decideAndEnd(decideEnd: DecideEnd, name: StreamName, since: number): Promise<void> {
    const { outcome } = await this.finish({ ...name, why: "claim", since, limit: 0 });
    if (outcome !== "is_due") return;
    const drafts = await this.read(name.conversation, true);
    const found = drafts.find(({ draft }) => draft.stream === name.stream);
    if (found === undefined) return;
    await this.finish({ ...name, why: "due", since, limit: 0, content: await decideEnd(found.draft) });
  }

  private onSweepFailed(error: unknown): void {
    const { client, emit } = this.deps;
    if (client.ready) emit("task.failed", { task: "streams", error: String(error) });
  }

  private finish(request: EndRequest): Promise<EndOutcome> {
    return new Promise((done) => this.enqueueEnd(request, done));
  }

  private enqueueEnd(request: EndRequest, done: (result: EndOutcome) => void): void {
    const { conversation, stream } = request;
    this.deps.enqueue({
      kind: "end",
      request,
      done: (result) => {
        const seq = result.outcome === "stored" ? result.seq : 0;
        if (result.outcome === "stored" || (result.outcome === "fenced" && result.hasEnded))
          this.events.announce({ type: "ended", conversation, stream, seq });
        done(result);
      },
    });
  }

  private async read(conversation: string, withText: boolean): Promise<StoredDraft[]> {
    const { client } = this.deps;
    const keys = (["meta", "ids", "log"] as const).map((what) =>
      client.keys.conversationKey(conversation, what),
    );
    const reply = (await client.run(READ, keys, [withText ? 1 : 0])) as (string | number)[];
    return decodeDrafts(conversation, reply);
  }

  /** Returns the conversations in which a user may have open streams. */
  private async conversationsOf(user: string): Promise<string[]> {
    const { commands, keys } = this.deps.client;
    const places = await commands.hvals(keys.userKey(user, "streams"));
    return [...new Set(places.map((value) => keys.conversationOfKey(value.split(" ")[0]!)))];
  }

  private get now(): number | "" {
    return this.deps.time?.now() ?? "";
  }
}

/** The streams that are open: nothing of the others may be shown, because readers may have their messages (ST1). */
function openOf(drafts: readonly StoredDraft[]): DraftText[] {
  return drafts.flatMap(({ draft, hasMessage }) => (hasMessage ? [] : [draft]));
}

/** `seq`: the message of the stream, 0 for none. */
function fencedBy(seq: number | undefined): Fenced {
  return { outcome: "fenced", ...(seq && { seq }) };
}

/** `ended`: the message of the stream, if this node knows that it has ended. */
function endResult(result: EndOutcome, ended: number | undefined): StreamEndResult {
  switch (result.outcome) {
    case "stored": {
      const { seq, at, quota, fenced, entry } = result;
      if (fenced) return { outcome: "fenced", seq };
      const rejection = rejectionIn(entry.body);
      return rejection === undefined ? { outcome: "stored", seq, at, quota } : { ...rejection, seq };
    }
    case "fenced":
      return fencedBy(result.message || ended);
    case "gap":
      return { outcome: "gap", n: result.n };
    case "too_large":
      return { outcome: "too_large" };
    case "unavailable":
      return { outcome: "unavailable" };
    case "goes_on":
    case "is_due":
      throw new Error("A stream that its writer ended goes on.");
    default:
      return result satisfies never;
  }
}
