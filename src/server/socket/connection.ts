import { drainMicrotasks } from "bun:jsc";
import type { Entry } from "../../core/admission.ts";
import { type Ending, isOwnReason, REPLACED } from "../../core/closing.ts";
import type { DemoUse } from "../../core/demo-accounts.ts";
import type { PostResult } from "../../core/engine.ts";
import { type NamedConnection, slotOf } from "../../core/leases.ts";
import type { Plan } from "../../core/plans.ts";
import type { ResumeRequest } from "../../core/resume.ts";
import { openSession, step } from "../../core/session.ts";
import type { Effect, Pass, Session, SessionEvent, SessionNote } from "../../core/session-state.ts";
import { nextTick } from "../../core/session-time.ts";
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import { decodeClientFrame } from "../../protocol/decode.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Presented } from "../authentication/credential.ts";
import type { Identity } from "../authentication/identify.ts";
import type { ConnectionFacts, ConnectionHost, Socket } from "./connection-host.ts";
import type { Place } from "./entrance.ts";
import type { Sender } from "./outbox.ts";
import type { Listener } from "./room.ts";
import type { Timed } from "./wheel.ts";

/** By what a connection's token is known when it is revoked. */
export type Credential = Pick<Identity, "tokenId" | "issuedAt">;

/** Pages that were given to the socket and have not left for the peer yet. */
interface PageOnItsWay {
  readonly bytes: number;
  /** Called when all that waits has left, or never will. */
  readonly gone: (() => void) | undefined;
}

// Shared while there is nothing, so that an idle connection holds no list of its own.
const NO_FRAMES: string[] = [];
const NO_EVENTS: SessionEvent[] = [];

/** Most bytes that a frame of the server's is longer than its text (RFC 6455 §5.2). */
const FRAME_HEADER = 10;

/**
 * One socket. It turns what arrives into events for core/session.ts and carries the effects out; every decision is
 * made there. Handlers are synchronous, so two frames of one socket are never worked on at once (RUNTIME 3).
 */
export class Connection implements Listener, Sender, Timed, NamedConnection {
  readonly id = crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36);
  readonly user: string;
  readonly conversation: string;
  readonly address: string;
  readonly demoUse: DemoUse;
  wheelSlot = -1;
  /** The plan as it is now; a change counts from the next request (Q2). */
  plan: Plan | undefined;
  /** The token it came with, or the one that took its place; undefined until that is known. */
  credential: Credential | undefined;
  /** What the client has seen already. */
  readonly resume: ResumeRequest | undefined;
  private readonly client: string | undefined;
  protected session: Session;
  private joined = false;
  /** Whether one of the user's connections was taken for this one; given back when it is closed. */
  holdsLease = false;
  private socket: Socket | undefined;
  private entry: Entry;
  private out: string[] = NO_FRAMES;
  private held: SessionEvent[] = NO_EVENTS;
  /** What the handshake showed, and the place it has in the entrance for it; given up when the socket opens. */
  private presented: Presented | undefined;
  private place: Place | undefined;
  private page: PageOnItsWay | undefined;
  private readonly fault: string | undefined;
  private readonly openedAt: number;
  /** Between −1 and 1: scatters the pings of sockets that opened together. */
  private readonly spread = Math.random() * 2 - 1;

  constructor(
    private readonly host: ConnectionHost,
    facts: ConnectionFacts,
  ) {
    this.user = facts.user;
    this.conversation = facts.conversation;
    this.address = facts.entry.address;
    this.demoUse = facts.demoUse;
    this.entry = facts.entry;
    this.presented = facts.presented;
    this.place = facts.place;
    this.resume = facts.resume;
    this.client = facts.client;
    this.fault = facts.fault;
    this.openedAt = facts.arrivedAt;
    this.session = openSession(facts.presented !== undefined, host.clock.now(), host.rules);
  }

  /** Whether the session has ended, though the socket may still be closing. */
  get ended(): boolean {
    return this.session.phase === "closed";
  }

  /** Whether a request is at the engine, unanswered. */
  get isWaiting(): boolean {
    return this.session.phase === "live" && this.session.waiting > 0;
  }

  /** This connection as the leases know it; undefined where it names no client. */
  get named(): NamedConnection | undefined {
    return this.client === undefined ? undefined : this;
  }

  get slot(): string {
    return slotOf(this.conversation, this.client ?? "");
  }

  age(): number {
    return this.host.clock.now() - this.openedAt;
  }

  replaced(): void {
    this.end(REPLACED);
  }

  /** The socket is open. Only now is the credential looked at: a frame sent before the upgrade would break it (RUNTIME 7). */
  opened(socket: Socket): void {
    this.socket = socket;
    this.host.directory.arrive(this);
    this.schedule();
    const { presented, place, fault } = this;
    this.presented = undefined;
    this.place = undefined;
    if (fault !== undefined) {
      this.apply({ type: "refused", code: "bad_address", message: fault });
      place?.leave();
    } else if (presented !== undefined) this.host.admit(this, presented, place);
    // The runtime still gathers what the socket is sent: a welcome that needs no other machine leaves with the handshake's answer.
    drainMicrotasks();
  }

  /** A frame arrived. */
  received(message: string | Buffer): void {
    if (typeof message !== "string") this.apply({ type: "bad_frame", code: 1003 });
    else if (isTooLarge(message)) this.apply({ type: "bad_frame", code: 1009 });
    else this.apply({ type: "frame", decoded: decodeClientFrame(message) });
  }

  /** A transport ping or pong arrived. */
  control(): void {
    this.apply({ type: "control" });
  }

  /** Tells the session what happened, and carries out what it wants done. */
  apply(event: SessionEvent): void {
    const { clock, rules } = this.host;
    const { session, effects } = step(this.session, event, clock.now(), rules, this.spread);
    this.session = session;
    for (const effect of effects) this.carryOut(effect, event);
  }

  /** The credential was good. From now on the connection hears of changes to its user's account. */
  identified(identity: Identity): void {
    this.credential = credentialOf(identity);
    this.plan = identity.plan;
    this.host.directory.add(this);
    if (!this.entry.anonymous) return;
    this.host.admission.identified(this.entry);
    this.entry = { ...this.entry, anonymous: false };
  }

  /** Lets the connection in: it is welcomed, and heard from now on. */
  admitted(welcome: ServerFrameOf<"welcome">, pass: Pass, behind: boolean, shown?: string): void {
    this.joined = true;
    this.apply({ type: "admitted", welcome, pass, behind, shown });
    this.schedule();
    this.host.log.info("connection.opened", { ...this.who(), plan: welcome.plan });
  }

  /** Another token of the same user takes the place of the one the connection came with. */
  renewed(identity: Identity, pass: Pass): void {
    this.credential = credentialOf(identity);
    this.plan = identity.plan;
    this.apply({ type: "renewed", pass });
    // The new token may end sooner than the old one.
    this.schedule();
  }

  /** Refuses the credential, or the address it was used for. */
  refused(code: ErrorCode, message: string): void {
    this.host.log.warn("connection.rejected", { ...this.who(), code, reason: message });
    this.apply({ type: "refused", code, message });
  }

  /** The machine's clock was set forward by so many milliseconds; back, where it is less than nothing. */
  clockStepped(by: number): void {
    this.apply({ type: "clock_stepped", by });
    this.schedule();
  }

  /** Ends the connection for a reason of the server's. */
  end(ending: Ending): void {
    this.apply({ type: "end", ending });
  }

  /** Cuts the line without a farewell: the last resort when saying one failed. */
  cut(): void {
    this.socket?.terminate();
  }

  get canTuneIn(): boolean {
    return this.out.length === 0 && this.socket?.subscribe !== undefined;
  }

  tuneIn(topic: string): void {
    this.socket?.subscribe?.(topic);
  }

  tuneOut(topic: string): void {
    this.socket?.unsubscribe?.(topic);
  }

  lookAtUnsent(): void {
    this.judgeUnsent(false);
  }

  deliver(frame: string): void {
    if (this.out.length > 0) {
      this.out.push(frame);
      return;
    }
    this.out = [frame];
    this.host.outbox.add(this);
  }

  flush(): void {
    const { socket, out } = this;
    this.out = NO_FRAMES;
    if (socket === undefined || out.length === 0) return;
    let dropped = false;
    const sendAll = () => {
      for (const frame of out) if (socket.sendText(frame) === 0) dropped = true;
    };
    if (out.length === 1) sendAll();
    else socket.cork(sendAll);
    this.judgeUnsent(dropped);
  }

  /** Queues a page of encoded frames. Until all that waits has left, it does not count as unread (B1). */
  feed(frames: readonly string[]): void {
    let bytes = this.page?.bytes ?? 0;
    for (const frame of frames) {
      bytes += Buffer.byteLength(frame) + FRAME_HEADER;
      this.deliver(frame);
    }
    this.page = { bytes, gone: this.page?.gone };
  }

  /** Resolves when all that was delivered has left for the peer, or never will. */
  drained(): Promise<void> {
    this.flush();
    if (this.unsent === 0) return Promise.resolve();
    return new Promise((gone) => {
      this.page = { bytes: this.page?.bytes ?? 0, gone };
    });
  }

  /** The runtime has sent something, and not always everything (RUNTIME 15). */
  drain(): void {
    this.apply({ type: "progress" });
    if (this.unsent === 0) this.pageLeft();
  }

  due(): void {
    this.apply({ type: "tick", unsent: this.unsent });
    this.schedule();
  }

  /** The socket is closed, by whichever side. `reason` is what the runtime says; it is for the log only (RUNTIME 8). */
  closed(code: number, reason: string): void {
    const { host } = this;
    const cameToNothing = this.credential === undefined && !(this.ended && isOwnReason(code));
    this.session = { phase: "closed" };
    this.socket = undefined;
    this.out = NO_FRAMES;
    this.held = NO_EVENTS;
    this.pageLeft();
    host.wheel.take(this);
    if (cameToNothing) host.admission.failed(this.entry, host.clock.now());
    host.admission.leave(this.entry);
    host.directory.remove(this);
    host.hub.leave(this.conversation, this, code === REPLACED.code);
    if (this.holdsLease) host.leases.giveBack(this.user, this.named);
    if (!this.joined) return;
    const seconds = (host.clock.now() - this.openedAt) / 1000;
    host.log.info("connection.closed", { ...this.who(), code, reason, seconds });
  }

  /** Who and where, for a line of the log. */
  who(): Record<string, string> {
    const { id, user, conversation, address } = this;
    return { connection: id, user, conversation, address };
  }

  private carryOut(effect: Effect, cause: SessionEvent): void {
    switch (effect.do) {
      case "send":
        if (effect.page) this.feed([JSON.stringify(effect.frame)]);
        else this.deliver(JSON.stringify(effect.frame));
        break;
      case "feed":
        this.feed([effect.frame]);
        break;
      case "post":
        this.post(effect.frame);
        break;
      case "read":
        this.read(effect.frame);
        break;
      case "renew":
        this.host.renew(this, effect.token);
        break;
      case "typing":
        this.host.hub.type(this.conversation, this.user, effect.active);
        break;
      case "mark":
        this.mark(effect.seq);
        break;
      case "authenticate":
        this.host.admit(this, { token: effect.token });
        break;
      case "hold":
        if (this.held === NO_EVENTS) this.held = [];
        this.held.push(effect.counted && cause.type === "frame" ? { ...cause, counted: true } : cause);
        break;
      case "release":
        this.release();
        break;
      case "ping":
        this.socket?.ping();
        break;
      case "pause":
        this.socket?.pause();
        break;
      case "resume":
        this.socket?.resume();
        break;
      case "close":
        this.flush();
        this.socket?.close(effect.code, effect.reason);
        break;
      case "terminate":
        this.cut();
        break;
      case "note":
        this.note(effect.note);
        break;
      default:
        effect satisfies never;
    }
  }

  /** Bytes that the runtime holds for the peer. */
  private get unsent(): number {
    return this.socket?.getBufferedAmount() ?? 0;
  }

  private judgeUnsent(dropped: boolean): void {
    const { unsent } = this;
    if (unsent === 0) this.pageLeft();
    const beyond = unsent - (this.page?.bytes ?? 0);
    if (dropped || beyond > 0) this.apply({ type: "flushed", unsent: beyond, dropped });
  }

  private pageLeft(): void {
    const { page, out } = this;
    // What is not given to the runtime yet has not left; it looks again when it is.
    if (page === undefined || out.length > 0) return;
    this.page = undefined;
    page.gone?.();
    this.apply({ type: "page_left" });
  }

  private post(frame: ClientFrameOf<"message">): void {
    const { conversation, user, plan, host } = this;
    const id = frame.id ?? crypto.randomUUID();
    const { text, data } = frame;
    const limit = plan?.requestsPerHour ?? 0;
    const done = (result: PostResult) => {
      host.counts.count(this, id, result);
      this.apply({ type: "posted", id, result });
    };
    const epoch = host.hub.epoch(conversation);
    host.engine.post(
      data === undefined
        ? { conversation, user, id, text, limit, epoch }
        : { conversation, user, id, text, data, limit, epoch },
      done,
    );
  }

  private read({ before, after, limit: count, id }: ClientFrameOf<"history">): void {
    const { conversation, user, plan } = this;
    const limit = plan?.requestsPerHour ?? 0;
    const range = { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
    this.host.engine.history({ conversation, user, limit, count, ...range }, (result) =>
      this.apply(id === undefined ? { type: "read", result } : { type: "read", id, result }),
    );
  }

  private mark(seq: number): void {
    const { conversation, user, host } = this;
    host.engine.mark(conversation, user, seq, host.hub.epoch(conversation)).then(
      (mark) => mark !== undefined && host.hub.mark(conversation, user, mark, this),
      (error) => host.log.error("connection.failed", { ...this.who(), error: String(error) }),
    );
  }

  private release(): void {
    const { held } = this;
    this.held = NO_EVENTS;
    for (const event of held) this.apply(event);
  }

  private note({ event, ...fields }: SessionNote): void {
    this.host.log.warn(event, { ...this.who(), ...fields });
  }

  private schedule(): void {
    const time = nextTick(this.session, this.host.rules);
    if (this.socket === undefined || time === Number.POSITIVE_INFINITY) this.host.wheel.take(this);
    else this.host.wheel.put(this, time);
  }
}

/** Only what is needed later: there are as many of these as connections. */
function credentialOf({ tokenId, issuedAt }: Identity): Credential {
  return { tokenId, issuedAt };
}

function isTooLarge(text: string): boolean {
  // A UTF-16 unit is at most three bytes of UTF-8, so most frames need no counting.
  return text.length * 3 > MAX_FRAME_BYTES && Buffer.byteLength(text) > MAX_FRAME_BYTES;
}
