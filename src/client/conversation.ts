import { MAX_FRAME_BYTES, MAX_HISTORY_LIMIT } from "../protocol/limits.ts";
import type { Member, Message, Quota, ServerFrame, ServerFrameOf } from "../protocol/server-frames.ts";
import { waitFor } from "./backoff.ts";
import { Connection, type SentFrame } from "./connection.ts";
import { type EventName, type Listener, Listeners } from "./events.ts";
import { Inbox, type Lost, type Position, type Taken } from "./inbox.ts";
import { KeptOutbox } from "./kept-outbox.ts";
import { MAX_PENDING, type Options, type Pending, SEND_BURST, SEND_RATE, TYPING_EVERY } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Pace } from "./pace.ts";
import { ParleyError } from "./parley-error.ts";
import { Reader } from "./reader.ts";
import type { Closed, Effect, Event, State } from "./state.ts";
import { FIRST_STATE, isAsleep, isInTouch, step } from "./step.ts";
import { subjectOf, type TokenKeeper } from "./token.ts";
import { watchWakes } from "./wake.ts";

/** Says that a message is stored, and as what. */
export type Ack = Omit<ServerFrameOf<"ack">, "type">;

/** A message on its way; `id` is there at once, to show it before it is acked. */
export type Sending = Promise<Ack> & { readonly id: string };

export interface HistoryPage {
  readonly messages: readonly Message[];
  /** Whether there are further messages in the same direction. */
  readonly more: boolean;
}

interface Request {
  readonly promise: Promise<unknown>;
  resolve(answer: unknown): void;
  reject(reason: unknown): void;
}

type MessageFrame = Extract<SentFrame, { type: "message" }> & { readonly id: string };
type HistoryFrame = Extract<SentFrame, { type: "history" }>;

/** Longest time a timer of JavaScript can wait, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * One conversation: what is said in it, in order and once, and what this user says.
 *
 * It carries out what step.ts, inbox.ts and outbox.ts decide. Open one with `parley.conversation(id)`.
 */
export class Conversation implements AsyncIterable<Message> {
  private state: State = FIRST_STATE;
  private connection: Connection | undefined;
  /** The dialling that is under way; an older one that comes back from asking for a token finds another here. */
  private dialling: object | undefined;
  private token: string | undefined;
  private userName: string | undefined;
  private greeting: ServerFrameOf<"welcome"> | undefined;
  private memberList: readonly Member[] = [];
  private readonly inbox: Inbox;
  private readonly outbox: Outbox<MessageFrame>;
  private readonly reads = new Outbox<HistoryFrame>(MAX_PENDING);
  private readonly kept: KeptOutbox;
  private readonly pace: Pace;
  private readonly requests = new Map<string, Request>();
  private readonly readers = new Set<Reader>();
  private readonly listeners = new Listeners();
  /** The `id` of the history request that closes a gap. */
  private gapRead: string | undefined;
  private markWanted = 0;
  private markSent = 0;
  private typedAt = 0;
  private waitTimer: ReturnType<typeof setTimeout> | undefined;
  private pumpTimer: ReturnType<typeof setTimeout> | undefined;
  private endWatch: () => void = () => {};

  constructor(
    readonly id: string,
    private readonly options: Options,
    private readonly tokens: TokenKeeper,
    from?: Position,
  ) {
    this.inbox = new Inbox(from);
    this.outbox = new Outbox(options.maxPending ?? MAX_PENDING);
    this.kept = new KeptOutbox(options.storage, (error) => this.report("storage", error));
    this.pace = new Pace(options.sendRate ?? SEND_RATE, SEND_BURST);
    this.begin();
  }

  /** Where the connection stands. */
  get status(): State {
    return this.state;
  }

  /** The user, once a token has been read. */
  get user(): string | undefined {
    return this.userName;
  }

  /** The last `welcome` frame: plan, inactivity time-out, and what else the server said first. */
  get welcome(): ServerFrameOf<"welcome"> | undefined {
    return this.greeting;
  }

  /** Who is there, this user included. */
  get members(): readonly Member[] {
    return this.memberList;
  }

  /** What is not acked yet, the oldest first. */
  get pending(): readonly Pending[] {
    return this.outbox.pending.map(({ type: _, ...pending }) => pending);
  }

  /** Up to where messages were given out: kept, and given to `conversation(id, { from })`, it goes on there. */
  get position(): Position | undefined {
    return this.inbox.position;
  }

  /** Calls `listener` at each `event`, until the function that is answered is called. */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    return this.listeners.add(event, listener);
  }

  /** The messages from now on, each once and in order. Ends with `close()`; throws when the server closes for good. */
  [Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    const read = (after: number) => this.history({ after, limit: MAX_HISTORY_LIMIT });
    const reader: Reader = new Reader(
      read,
      (lost) => this.listeners.tell("lost", lost),
      () => this.readers.delete(reader),
    );
    this.readers.add(reader);
    if (this.state.at === "closed") reader.end(this.closedError(this.state));
    return reader.messages();
  }

  /**
   * Says `text`. It is sent again, under the same `id`, until it is acked, through whatever happens to the line.
   *
   * Rejects with a `ParleyError`: the server's refusal (`invalid`, `forbidden`, `too_large` …), `outbox_full`, or `closed`,
   * after which it may or may not be stored: sending again with the same `id` is safe. An abort takes it back if it was
   * not sent yet, and otherwise only stops waiting.
   */
  send(
    text: string,
    options: {
      readonly data?: Readonly<Record<string, unknown>>;
      readonly id?: string;
      readonly signal?: AbortSignal;
    } = {},
  ): Sending {
    const { id = newId(), data, signal } = options;
    const frame = { type: "message", id, text, ...(data !== undefined && { data }) } as MessageFrame;
    const promise = this.request<Ack, MessageFrame>(this.outbox, frame, signal);
    this.save();
    return Object.assign(promise, { id });
  }

  /** Reads up to `limit` (at most 200, otherwise 50) messages before or after a `seq`; without either, the newest. */
  async history(
    options: {
      readonly before?: number;
      readonly after?: number;
      readonly limit?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<HistoryPage> {
    const { signal, ...range } = options;
    return this.request<HistoryPage, HistoryFrame>(
      this.reads,
      { type: "history", id: newId(), ...range },
      signal,
    );
  }

  /** Tells the others that the user types, or no longer does. Call it at every key; it is sent as seldom as is enough. */
  typing(active: boolean): void {
    const now = Date.now();
    if (!isInTouch(this.state) || (active ? now - this.typedAt < TYPING_EVERY : this.typedAt === 0)) return;
    this.typedAt = active ? now : 0;
    this.connection?.send({ type: "typing", active });
  }

  /** Says that the user has seen everything up to `seq`. Only forward; told again after a reconnect if it got lost. */
  read(seq: number): void {
    this.markWanted = Math.max(this.markWanted, seq);
    this.pump();
  }

  /** Says that somebody is there, which takes a warning of inactivity back. */
  activity(): void {
    this.rouse();
    this.connection?.send({ type: "activity" });
  }

  /** Measures the line: resolves with the milliseconds from `ping` to `pong`, rejects when the line is lost. */
  ping(): Promise<number> {
    const id = newId();
    const began = performance.now();
    const promise = this.expect<unknown>(id).then(() => performance.now() - began);
    promise.catch(() => {});
    if (isInTouch(this.state)) this.connection?.send({ type: "ping", id });
    else this.settle(id, new ParleyError("unavailable", "There is no connection to measure."));
    return promise;
  }

  /** Opens the conversation again after it was closed, or tries at once instead of waiting. */
  reconnect(): void {
    this.dispatch({ type: "open" });
  }

  /** Leaves. Resolves when what is pending is in the storage, where there is one. */
  async close(): Promise<void> {
    this.dispatch({ type: "close" });
    await this.kept.settled();
  }

  private begin(): void {
    this.endWatch = watchWakes((type) => this.dispatch({ type }));
    this.carryOut({ do: "dial", fresh: false });
  }

  private dispatch(event: Event): void {
    const before = this.state;
    const { state, effects } = step(before, event, Date.now());
    this.state = state;
    if (state.at !== "waiting") clearTimeout(this.waitTimer);
    if (before.at === "closed" && state.at !== "closed")
      this.endWatch = watchWakes((type) => this.dispatch({ type }));
    for (const effect of effects) this.carryOut(effect);
    if (state.at === "closed" && state !== before) this.onClosed(state);
    if (state.at !== before.at || state.at === "waiting") this.listeners.tell("status", state);
  }

  private carryOut(effect: Effect): void {
    switch (effect.do) {
      case "dial":
        void this.dial(effect.fresh);
        return;
      case "hang_up":
        this.connection?.hangUp();
        return;
      case "wait":
        this.waitTimer = setTimeout(() => this.dispatch({ type: "time_up" }), timerOf(effect.until));
        return;
      case "probe":
        this.connection?.probe();
        return;
      default:
        effect satisfies never;
    }
  }

  private async dial(fresh: boolean): Promise<void> {
    const dialling = {};
    this.dialling = dialling;
    let token: string | undefined;
    try {
      token = await this.tokens.get(fresh ? this.token : undefined);
    } catch (error) {
      if (this.dialling !== dialling) return;
      this.report("token", error);
      this.dispatch({ type: "token_failed", reason: "no token could be had", random: Math.random() });
      return;
    }
    if (this.dialling !== dialling) return;
    const user = this.options.user ?? (token && subjectOf(token));
    if (token === undefined || !user || user !== (this.userName ?? user)) {
      const reason =
        token === undefined ? "signed out" : user ? "token of another user" : "token without user";
      this.dispatch({ type: "token_missing", reason });
      return;
    }
    this.token = token;
    this.userName = user;
    const kept = await this.kept.load(`${user}/${this.id}`);
    this.outbox.restore(kept.map((pending) => ({ type: "message", ...pending }) as MessageFrame));
    if (this.dialling !== dialling) return;
    this.save();
    const connection = new Connection(this.address(user), token, this.options, {
      received: (frame) => this.onFrame(frame),
      lost: (code, reason) => this.onLineLost(code, reason),
    });
    this.connection = connection;
  }

  private address(user: string): string {
    const address = new URL(this.options.url);
    address.protocol = address.protocol.replace("http", "ws");
    const path = address.pathname.replace(/\/$/, "");
    address.pathname = `${path}/ws/${encodeURIComponent(user)}/${encodeURIComponent(this.id)}`;
    const { position } = this.inbox;
    if (position !== undefined) {
      address.searchParams.set("after", String(position.seq));
      address.searchParams.set("epoch", position.epoch);
    }
    return address.href;
  }

  private onLineLost(code: number, reason: string): void {
    this.interrupt();
    const { isRenewable: renewable } = this.tokens;
    this.dispatch({ type: "line_lost", code, reason, renewable, random: Math.random() });
    this.pump();
  }

  private interrupt(): void {
    this.connection = undefined;
    this.outbox.interrupt();
    this.reads.interrupt();
    if (this.gapRead !== undefined) this.reads.remove(this.gapRead);
    this.gapRead = undefined;
    this.typedAt = 0;
    for (const id of this.requests.keys())
      if (!this.outbox.has(id) && !this.reads.has(id))
        this.settle(id, new ParleyError("unavailable", "The line was lost."));
  }

  private onClosed(state: Closed): void {
    this.interrupt();
    this.dialling = undefined;
    clearTimeout(this.pumpTimer);
    this.endWatch();
    const error = this.closedError(state);
    for (const reader of this.readers) reader.end(state.code === 1000 ? undefined : error);
    if (isAsleep(state)) return;
    for (const id of [...this.requests.keys()]) {
      this.reads.remove(id);
      if (!this.kept.isKept) this.outbox.remove(id);
      this.settle(id, error);
    }
  }

  private onFrame(frame: ServerFrame): void {
    if ("quota" in frame && frame.quota !== undefined) this.onQuota(frame.quota, frame);
    switch (frame.type) {
      case "welcome":
        this.onWelcome(frame);
        break;
      case "message": {
        const { type: _, ...message } = frame;
        this.take(this.inbox.message(message));
        break;
      }
      case "ack": {
        const { type: _, ...ack } = frame;
        if (this.outbox.remove(frame.id)) this.save();
        this.settle(frame.id, undefined, ack);
        break;
      }
      case "history":
        this.onHistory(frame);
        break;
      case "presence":
        this.onPresence(frame);
        break;
      case "typing":
      case "read": {
        const { type, ...body } = frame;
        if (type === "read") this.setMark(frame as ServerFrameOf<"read">);
        this.listeners.tell(type, body as never);
        break;
      }
      case "warning":
        this.onWarning(frame);
        break;
      case "error":
        this.onError(frame);
        break;
      case "pong":
        if (frame.id !== undefined) this.settle(frame.id, undefined, frame);
        break;
      case "degraded":
        this.dispatch({ type: "degraded", reason: frame.reason });
        break;
      case "recovered":
        this.dispatch({ type: "recovered" });
        this.outbox.hasten();
        this.reads.hasten();
        break;
      case "closing":
        this.dispatch({ type: "closing", farewell: frame });
        break;
      case "token_accepted":
        break;
      default:
        // A frame of a newer server.
        frame satisfies never;
    }
    this.pump();
  }

  private onWelcome(frame: ServerFrameOf<"welcome">): void {
    this.greeting = frame;
    const taken = this.inbox.welcome(frame);
    const before = this.memberList;
    this.memberList = frame.members;
    this.markSent = frame.members.find(({ user }) => user === frame.user)?.read ?? 0;
    this.dispatch({ type: "welcome", behind: this.inbox.isBehind });
    for (const { user } of before)
      if (!frame.members.some((member) => member.user === user))
        this.listeners.tell("presence", { user, state: "left", at: Date.now() });
    for (const { user, since } of frame.members)
      if (!before.some((member) => member.user === user))
        this.listeners.tell("presence", { user, state: "joined", at: since });
    this.take(taken);
  }

  private onPresence({ user, state, at }: ServerFrameOf<"presence">): void {
    const others = this.memberList.filter((member) => member.user !== user);
    const known = this.memberList.find((member) => member.user === user);
    this.memberList = state === "joined" ? [...others, known ?? { user, since: at }] : others;
    this.listeners.tell("presence", { user, state, at });
  }

  private setMark({ user, seq }: ServerFrameOf<"read">): void {
    this.memberList = this.memberList.map((member) =>
      member.user === user ? { ...member, read: seq } : member,
    );
  }

  private onQuota(quota: Quota, frame: object): void {
    const { retry_after } = frame as { retry_after?: number };
    this.listeners.tell("quota", retry_after === undefined ? quota : { ...quota, retry_after });
  }

  private onWarning({ type: _, ...warning }: ServerFrameOf<"warning">): void {
    if (warning.code === "inactivity" && this.options.stay) this.activity();
    if (warning.code === "flooding") this.pace.pause(Date.now() + (warning.seconds ?? 1) * 1000);
    if (warning.code === "token_expiring" && this.tokens.isRenewable) void this.renew();
    this.listeners.tell("warning", warning);
  }

  /** Gives the open connection another token. Where that fails, the server ends it, and a new one asks again. */
  private async renew(): Promise<void> {
    const { connection, token: old } = this;
    try {
      const token = await this.tokens.get(old);
      if (token === undefined || token === old || this.connection !== connection) return;
      this.token = token;
      connection?.send({ type: "token", token });
    } catch (error) {
      this.report("token", error);
    }
  }

  private onHistory({ id, messages, more }: ServerFrameOf<"history">): void {
    if (id === undefined) return;
    this.reads.remove(id);
    if (id === this.gapRead) {
      this.gapRead = undefined;
      this.take(this.inbox.page(messages, more));
    } else this.settle(id, undefined, { messages, more });
  }

  private onError({ code, message, id = "", retry_after }: ServerFrameOf<"error">): void {
    const box = this.outbox.has(id) ? this.outbox : this.reads.has(id) ? this.reads : undefined;
    const error = new ParleyError(code, message);
    if (box === undefined) {
      this.listeners.tell("error", error);
    } else if (retry_after !== undefined || code === "rate_limited" || code === "unavailable") {
      box.putOff(id, Date.now(), (n) => waitFor(retry_after, n, Math.random()));
    } else {
      box.remove(id);
      if (box === this.outbox) this.save();
      if (id === this.gapRead) {
        this.gapRead = undefined;
        this.take(this.inbox.giveUp());
      }
      this.settle(id, error);
    }
  }

  private take({ told, readAfter }: Taken): void {
    for (const item of told) {
      if ("message" in item) {
        for (const reader of this.readers) reader.push(item.message);
        this.listeners.tell("message", item.message);
      } else this.tellLost(item.lost);
    }
    if (readAfter !== undefined) {
      this.gapRead = newId();
      // Before what the application wants to read: messages wait for it.
      this.reads.restore([{ type: "history", id: this.gapRead, after: readAfter, limit: MAX_HISTORY_LIMIT }]);
    }
    this.dispatch({ type: this.inbox.isBehind ? "behind" : "caught_up" });
  }

  private tellLost(lost: Lost): void {
    if ("epoch" in lost) for (const reader of this.readers) reader.forgetMissed();
    this.listeners.tell("lost", lost);
  }

  /** Has `frame` sent, and resolves with its answer. */
  private request<A, R extends MessageFrame | HistoryFrame>(
    box: Outbox<R>,
    frame: R,
    signal: AbortSignal | undefined,
  ): Promise<A> {
    const { id } = frame;
    const known = this.requests.get(id);
    if (known !== undefined) return known.promise as Promise<A>;
    const promise = this.expect<A>(id);
    const refusal = this.refuse(frame);
    if (signal?.aborted) this.settle(id, signal.reason);
    else if (refusal !== undefined) this.settle(id, refusal);
    else if (!box.has(id) && !box.add(frame))
      this.settle(id, new ParleyError("outbox_full", "Too much is waiting to be sent already."));
    else {
      const abort = () => {
        box.remove(id);
        this.save();
        this.settle(id, signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const forget = () => signal?.removeEventListener("abort", abort);
      promise.then(forget, forget);
      this.rouse();
      this.pump();
    }
    return promise;
  }

  /** Refuses here what the server could not answer by its `id`, or would close the connection for. */
  private refuse(frame: SentFrame & { readonly id?: string }): ParleyError | undefined {
    if (this.state.at === "closed" && !isAsleep(this.state)) return this.closedError(this.state);
    if (!/^[\x20-\x7e]{1,64}$/.test(frame.id ?? ""))
      return new ParleyError("invalid", "`id`: must be 1–64 printable ASCII characters.");
    try {
      if (new TextEncoder().encode(JSON.stringify(frame)).length > MAX_FRAME_BYTES)
        return new ParleyError("too_large", `A frame has at most ${MAX_FRAME_BYTES} bytes.`);
    } catch (error) {
      return new ParleyError("invalid", "`data`: cannot be written as JSON.", { cause: error });
    }
    return undefined;
  }

  private expect<A>(id: string): Promise<A> {
    let request: Omit<Request, "promise"> | undefined;
    const promise = new Promise<A>((resolve, reject) => {
      request = { resolve: resolve as Request["resolve"], reject };
    });
    // Who does not wait for the answer must not be ended by its refusal.
    promise.catch(() => {});
    this.requests.set(id, { promise, ...request! });
    return promise;
  }

  private settle(id: string, refusal: unknown, answer?: unknown): void {
    const request = this.requests.get(id);
    this.requests.delete(id);
    if (refusal === undefined) request?.resolve(answer);
    else request?.reject(refusal);
  }

  /** Sends what may be sent now, and comes back when more may be. */
  private pump(): void {
    clearTimeout(this.pumpTimer);
    const now = Date.now();
    const isReady = isInTouch(this.state) && this.state.at !== "degraded";
    if (isReady) {
      for (const box of [this.outbox, this.reads] as Outbox<MessageFrame | HistoryFrame>[]) {
        const frame = this.pace.readyAt() <= now ? box.next(now) : undefined;
        if (frame !== undefined) this.transmit(frame, now);
      }
      if (this.markWanted > this.markSent && this.pace.readyAt() <= now) {
        this.markSent = this.markWanted;
        this.transmit({ type: "read", seq: this.markSent }, now);
      }
    } else if (!isAsleep(this.state)) return;
    const due = Math.min(this.outbox.readyAt() ?? Infinity, this.reads.readyAt() ?? Infinity);
    const at = Math.max(isReady && this.markWanted > this.markSent ? 0 : due, this.pace.readyAt());
    if (at === Infinity) return;
    if (at <= now && !isReady) this.rouse();
    else this.pumpTimer = setTimeout(() => this.pump(), timerOf(at));
  }

  private transmit(frame: SentFrame, now: number): void {
    this.pace.take(now);
    this.connection?.send(frame);
  }

  /** Opens again what was closed only because nothing was done. */
  private rouse(): void {
    if (isAsleep(this.state)) this.dispatch({ type: "open" });
  }

  private save(): void {
    this.kept.save(this.pending);
  }

  private closedError({ code, reason, advice }: Closed): ParleyError {
    return new ParleyError("closed", `The conversation is closed (${code} ${reason}). ${advice}`);
  }

  private report(code: "storage" | "token", cause: unknown): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    this.listeners.tell("error", new ParleyError(code, message, { cause }));
  }
}

/** `crypto.randomUUID` is missing on pages without TLS. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function timerOf(until: number): number {
  return Math.min(Math.max(until - Date.now(), 0), LONGEST_TIMER);
}
