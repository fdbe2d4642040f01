import { drainMicrotasks } from "bun:jsc";
import type { SocketEntry } from "../../core/access/admission.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { Plan } from "../../core/access/plans.ts";
import { encodeMessageBody } from "../../core/conversation/entry.ts";
import type { ResumeRequest } from "../../core/conversation/resume.ts";
import type { ConnectionFields, EventFields } from "../../core/events/events.ts";
import { slotOf } from "../../core/lease-rules.ts";
import type { NamedConnection } from "../../core/ports/leases.ts";
import type { PostResult } from "../../core/ports/message-log.ts";
import { type CloseReason, isServerSideClose, REPLACED } from "../../core/session/close-reason.ts";
import { openSession, step } from "../../core/session/session.ts";
import type {
  Effect,
  Session,
  SessionEvent,
  SessionLogEvent,
  TokenAccess,
} from "../../core/session/state.ts";
import { nextDeadline } from "../../core/session/timeouts.ts";
import type { ClientFrameOf } from "../../protocol/client-frames.ts";
import { decodeClientFrame } from "../../protocol/decode.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Identity } from "../authentication/authenticate.ts";
import type { PresentedCredential } from "../authentication/presented-credential.ts";
import type { Permit } from "../concurrency-limiter.ts";
import type { ConnectionDeps, ConnectionInit, Socket } from "./connection-deps.ts";
import type { RoomMember } from "./conversation/room-member.ts";
import type { TimerEntry } from "./timing-wheel.ts";
import type { FlushTarget } from "./write-batcher.ts";

/** By what a connection's token is known when it is revoked. */
export type Credential = Pick<Identity, "tokenId" | "issuedAt">;

/** Pages that were given to the socket and have not left for the peer yet. */
interface PendingPage {
  readonly bytes: number;
  /** Called when all that waits has left, or never will. */
  readonly onSent: (() => void) | undefined;
}

// Shared while there is nothing, so that an idle connection holds no list of its own.
const NO_FRAMES: string[] = [];
const NO_EVENTS: SessionEvent[] = [];

/** Most bytes that a frame of the server's is longer than its text (RFC 6455 §5.2). */
const FRAME_HEADER_BYTES = 10;

/**
 * One socket. It turns what arrives into events for core/session/session.ts and carries the effects out; every decision is
 * made there. Handlers are synchronous, so two frames of one socket are never worked on at once (RT-3).
 */
export class Connection implements RoomMember, FlushTarget, TimerEntry, NamedConnection {
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
  private entry: SocketEntry;
  private outgoing: string[] = NO_FRAMES;
  private held: SessionEvent[] = NO_EVENTS;
  /** What the handshake showed, and the place it has in the entrance for it; given up when the socket opens. */
  private presented: PresentedCredential | undefined;
  private permit: Permit | undefined;
  private page: PendingPage | undefined;
  private readonly addressError: string | undefined;
  private readonly openedAt: number;
  /** Between −1 and 1: scatters the pings of sockets that opened together. */
  private readonly jitter = Math.random() * 2 - 1;

  constructor(
    private readonly deps: ConnectionDeps<Connection>,
    facts: ConnectionInit,
  ) {
    this.user = facts.user;
    this.conversation = facts.conversation;
    this.address = facts.entry.address;
    this.demoUse = facts.demoUse;
    this.entry = facts.entry;
    this.presented = facts.presented;
    this.permit = facts.permit;
    this.resume = facts.resume;
    this.client = facts.client;
    this.addressError = facts.addressError;
    this.openedAt = facts.arrivedAt;
    this.session = openSession(facts.presented !== undefined, deps.clock.now(), deps.rules);
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

  ageMs(): number {
    return this.deps.clock.now() - this.openedAt;
  }

  onReplaced(): void {
    this.end(REPLACED);
  }

  /** The socket is open. Only now is the credential looked at: a frame sent before the upgrade would break it (RT-7). */
  onOpen(socket: Socket): void {
    this.socket = socket;
    this.deps.registry.addUnauthenticated(this);
    this.schedule();
    const { presented, permit: place, addressError: fault } = this;
    this.presented = undefined;
    this.permit = undefined;
    if (fault !== undefined) {
      this.apply({ type: "refused", code: "bad_address", message: fault });
      place?.release();
    } else if (presented !== undefined) this.deps.admit(this, presented, place);
    // The runtime still gathers what the socket is sent: a welcome that needs no other machine leaves with the handshake's answer.
    drainMicrotasks();
  }

  /** A frame arrived. */
  onFrame(message: string | Buffer): void {
    if (typeof message !== "string") this.apply({ type: "bad_frame", code: 1003 });
    else if (isTooLarge(message)) this.apply({ type: "bad_frame", code: 1009 });
    else this.apply({ type: "frame", decoded: decodeClientFrame(message) });
  }

  /** A transport ping or pong arrived. */
  onControlFrame(): void {
    this.apply({ type: "control" });
  }

  /** Tells the session what happened, and carries out what it wants done. */
  apply(event: SessionEvent): void {
    const { clock, rules } = this.deps;
    const { session, effects } = step(this.session, event, clock.now(), rules, this.jitter);
    this.session = session;
    for (const effect of effects) this.execute(effect, event);
  }

  /** The credential was good. From now on the connection hears of changes to its user's account. */
  authenticated(identity: Identity): void {
    this.credential = credentialOf(identity);
    this.plan = identity.plan;
    this.deps.registry.add(this);
    if (!this.entry.anonymous) return;
    this.deps.admission.authenticated(this.entry);
    this.entry = { ...this.entry, anonymous: false };
  }

  /** Lets the connection in: it is welcomed, and heard from now on. */
  admitted(welcome: ServerFrameOf<"welcome">, pass: TokenAccess, behind: boolean, shown?: string): void {
    this.joined = true;
    this.apply({ type: "admitted", welcome, access: pass, behind, shown });
    this.schedule();
    this.deps.emit("connection.opened", { ...this.logFields(), plan: welcome.plan });
  }

  /** Another token of the same user takes the place of the one the connection came with. */
  renewed(identity: Identity, pass: TokenAccess): void {
    this.credential = credentialOf(identity);
    this.plan = identity.plan;
    this.apply({ type: "renewed", access: pass });
    // The new token may end sooner than the old one.
    this.schedule();
  }

  /** Refuses the credential, or the address it was used for. */
  refused(code: ErrorCode, message: string): void {
    this.deps.emit("connection.rejected", { ...this.logFields(), code, reason: message });
    this.apply({ type: "refused", code, message });
  }

  /** The machine's clock was set forward by so many milliseconds; back, where it is less than nothing. */
  clockStepped(by: number): void {
    this.apply({ type: "clock_stepped", by });
    this.schedule();
  }

  /** Ends the connection for a reason of the server's. */
  end(ending: CloseReason): void {
    this.apply({ type: "end", ending });
  }

  /** Cuts the line without a farewell: the last resort when saying one failed. */
  terminate(): void {
    this.socket?.terminate();
  }

  get canSubscribe(): boolean {
    return this.outgoing.length === 0 && this.socket?.subscribe !== undefined;
  }

  subscribe(topic: string): void {
    this.socket?.subscribe?.(topic);
  }

  unsubscribe(topic: string): void {
    this.socket?.unsubscribe?.(topic);
  }

  checkBackpressure(): void {
    this.reportUnsent(false);
  }

  deliver(frame: string): void {
    if (this.outgoing.length > 0) {
      this.outgoing.push(frame);
      return;
    }
    this.outgoing = [frame];
    this.deps.writeBatcher.add(this);
  }

  flush(): void {
    const { socket, outgoing: out } = this;
    this.outgoing = NO_FRAMES;
    if (socket === undefined || out.length === 0) return;
    let dropped = false;
    const sendAll = () => {
      for (const frame of out) if (socket.sendText(frame) === 0) dropped = true;
    };
    if (out.length === 1) sendAll();
    else socket.cork(sendAll);
    this.reportUnsent(dropped);
  }

  /** Queues a page of encoded frames. Until all that waits has left, it does not count as unread (B1). */
  feed(frames: readonly string[]): void {
    let bytes = this.page?.bytes ?? 0;
    for (const frame of frames) {
      bytes += Buffer.byteLength(frame) + FRAME_HEADER_BYTES;
      this.deliver(frame);
    }
    this.page = { bytes, onSent: this.page?.onSent };
  }

  /** Resolves when all that was delivered has left for the peer, or never will. */
  drained(): Promise<void> {
    this.flush();
    if (this.unsent === 0) return Promise.resolve();
    return new Promise((gone) => {
      this.page = { bytes: this.page?.bytes ?? 0, onSent: gone };
    });
  }

  /** The runtime has sent something, and not always everything (RT-15). */
  onDrain(): void {
    this.apply({ type: "progress" });
    if (this.unsent === 0) this.pageLeft();
  }

  onDue(): void {
    this.apply({ type: "tick", unsent: this.unsent });
    this.schedule();
  }

  /** The socket is closed, by whichever side. `reason` is what the runtime says; it is for the log only (RT-8). */
  onClose(code: number, reason: string): void {
    const { deps: host } = this;
    const neverAuthenticated = this.credential === undefined && !(this.ended && isServerSideClose(code));
    this.session = { phase: "closed" };
    this.socket = undefined;
    this.outgoing = NO_FRAMES;
    this.held = NO_EVENTS;
    this.pageLeft();
    host.timingWheel.cancel(this);
    if (neverAuthenticated) host.admission.failed(this.entry, host.clock.now());
    host.admission.release(this.entry);
    host.registry.remove(this);
    host.hub.leave(this.conversation, this, code === REPLACED.code);
    if (this.holdsLease) host.leases.release(this.user, this.named);
    if (!this.joined) return;
    const seconds = (host.clock.now() - this.openedAt) / 1000;
    host.emit("connection.closed", { ...this.logFields(), close_code: code, reason, seconds });
  }

  /** Who and where, for a line of the log. */
  logFields(): ConnectionFields {
    const { id, user, conversation, address } = this;
    return { connection: id, user, conversation, address };
  }

  private execute(effect: Effect, cause: SessionEvent): void {
    switch (effect.type) {
      case "send":
        this.deliver(JSON.stringify(effect.frame));
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
        this.deps.renew(this, effect.token);
        break;
      case "typing":
        this.deps.hub.setTyping(this.conversation, this.user, effect.active);
        break;
      case "mark":
        this.mark(effect.seq);
        break;
      case "authenticate":
        this.deps.admit(this, { token: effect.token });
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
        this.terminate();
        break;
      case "note":
        this.logEvent(effect.note);
        break;
      default:
        effect satisfies never;
    }
  }

  /** Bytes that the runtime holds for the peer. */
  private get unsent(): number {
    return this.socket?.getBufferedAmount() ?? 0;
  }

  private reportUnsent(dropped: boolean): void {
    const { unsent } = this;
    if (unsent === 0) this.pageLeft();
    const beyond = unsent - (this.page?.bytes ?? 0);
    if (dropped || beyond > 0) this.apply({ type: "flushed", unsent: beyond, dropped });
  }

  private pageLeft(): void {
    const { page, outgoing: out } = this;
    // What is not given to the runtime yet has not left; it looks again when it is.
    if (page === undefined || out.length > 0) return;
    this.page = undefined;
    page.onSent?.();
    this.apply({ type: "page_left" });
  }

  private post(frame: ClientFrameOf<"message">): void {
    const { conversation, user, plan, deps: host } = this;
    const id = frame.id ?? crypto.randomUUID();
    const body = encodeMessageBody(frame.text, frame.data);
    const limit = plan?.requestsPerHour ?? 0;
    const done = (result: PostResult) => {
      host.counters.count(this, id, result);
      this.apply({ type: "posted", id, result });
    };
    const epoch = host.hub.epoch(conversation);
    host.engine.post({ conversation, user, id, kind: "message", body, limit, epoch }, done);
  }

  private read({ before, after, limit: count, id }: ClientFrameOf<"history">): void {
    const { conversation, user, plan } = this;
    const limit = plan?.requestsPerHour ?? 0;
    const range = { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
    this.deps.engine.history({ conversation, user, limit, count, ...range }, (result) =>
      this.apply(id === undefined ? { type: "read", result } : { type: "read", id, result }),
    );
  }

  private mark(seq: number): void {
    const { conversation, user, deps: host } = this;
    host.engine.setReadMark(conversation, user, seq, host.hub.epoch(conversation)).then(
      (mark) => mark !== undefined && host.hub.setReadMark(conversation, user, mark, this),
      (error) => host.emit("connection.failed", { ...this.logFields(), error: String(error) }),
    );
  }

  private release(): void {
    const { held } = this;
    this.held = NO_EVENTS;
    for (const event of held) this.apply(event);
  }

  private logEvent({ event, ...fields }: SessionLogEvent): void {
    this.deps.emit(event, { ...this.logFields(), ...fields } as EventFields<typeof event>);
  }

  private schedule(): void {
    const time = nextDeadline(this.session, this.deps.rules);
    if (this.socket === undefined || time === Number.POSITIVE_INFINITY) this.deps.timingWheel.cancel(this);
    else this.deps.timingWheel.schedule(this, time);
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
