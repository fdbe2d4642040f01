import { drainMicrotasks } from "bun:jsc";
import type { SocketEntry } from "../../core/access/admission.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { Plan } from "../../core/access/plans.ts";
import type { ConnectionFields, EventFields } from "../../core/events/events.ts";
import { slotOf } from "../../core/lease-rules.ts";
import type { NamedConnection } from "../../core/ports/leases.ts";
import { CLOSED } from "../../core/session/close-connection.ts";
import { type CloseReason, isServerSideClose, REPLACED } from "../../core/session/close-reason.ts";
import { openConnection, stepConnection } from "../../core/session/connection-session.ts";
import type {
  ConnectionEffect,
  ConnectionEvent,
  ConnectionSession,
  TokenTerm,
} from "../../core/session/connection-state.ts";
import type { SessionLogEvent } from "../../core/session/effects.ts";
import type { OpenedEvent } from "../../core/session/membership-state.ts";
import { nextDeadline } from "../../core/session/timeouts.ts";
import { type DecodeResult, decodeClientFrame } from "../../protocol/decode.ts";
import type { ErrorCode } from "../../protocol/errors.ts";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Identity } from "../authentication/authenticate.ts";
import type { PresentedCredential } from "../authentication/presented-credential.ts";
import type { Permit } from "../concurrency-limiter.ts";
import type { ConnectionDeps, ConnectionInit, Socket } from "./connection-deps.ts";
import { Member } from "./conversation/member.ts";
import { SocketWriter } from "./socket-writer.ts";
import type { TimerEntry } from "./timing-wheel.ts";

/** By what a connection's token is known when it is revoked. */
export type Credential = Pick<Identity, "tokenId" | "issuedAt">;

// Shared while nothing is held, so that an idle connection holds no list of its own.
const NO_FRAMES: DecodeResult[] = [];

/**
 * One socket, with one conversation on it. It turns what arrives into events for core/session/connection-session.ts and
 * carries the effects out; every decision is made there. Handlers are synchronous, so two frames of one socket are never
 * worked on at once (RT-3).
 */
export class Connection extends SocketWriter implements TimerEntry, NamedConnection {
  readonly id = crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36);
  readonly user: string;
  readonly address: string;
  readonly demoUse: DemoUse;
  /** The conversation on it. */
  readonly member: Member;
  wheelSlot = -1;
  /** The plan as it is now; a change counts from the next request (Q2). */
  plan: Plan | undefined;
  /** The token it came with, or the one that took its place; undefined until that is known. */
  credential: Credential | undefined;
  private readonly client: string | undefined;
  protected session: ConnectionSession;
  private joined = false;
  /** Whether one of the user's connections was taken for this one; given back when it is closed. */
  holdsLease = false;
  private entry: SocketEntry;
  /** Frames that came before it was let in. */
  private held: DecodeResult[] = NO_FRAMES;
  /** What the handshake showed, and the permit it has to be let in; given up when the socket opens. */
  private presented: PresentedCredential | undefined;
  private permit: Permit | undefined;
  private readonly addressError: string | undefined;
  private readonly openedAt: number;
  /** Between −1 and 1: scatters the pings of sockets that opened together. */
  private readonly jitter = Math.random() * 2 - 1;

  constructor(
    readonly deps: ConnectionDeps<Connection>,
    init: ConnectionInit,
  ) {
    super();
    this.user = init.user;
    this.member = new Member(this, init.conversation, init.resume);
    this.address = init.entry.address;
    this.demoUse = init.demoUse;
    this.entry = init.entry;
    this.presented = init.presented;
    this.permit = init.permit;
    this.client = init.client;
    this.addressError = init.addressError;
    this.openedAt = init.arrivedAt;
    this.session = openConnection(init.presented !== undefined, deps.clock.now(), deps.rules);
  }

  /** Whether the session has ended, though the socket may still be closing. */
  get ended(): boolean {
    return this.session.phase === "closed";
  }

  /** Whether a request is at the store, unanswered. */
  get isWaiting(): boolean {
    return this.session.phase === "live" && this.session.waiting > 0;
  }

  /** This connection as the leases know it; undefined where it names no client. */
  get named(): NamedConnection | undefined {
    return this.client === undefined ? undefined : this;
  }

  get slot(): string {
    return slotOf(this.member.conversation, this.client ?? "");
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
    const { presented, permit, addressError } = this;
    this.presented = undefined;
    this.permit = undefined;
    if (addressError !== undefined) {
      this.apply({ type: "refused", code: "bad_address", message: addressError });
      permit?.release();
    } else if (presented !== undefined) this.deps.admit(this, presented, permit);
    // The runtime still gathers what the socket is sent: a welcome that needs no other machine leaves with the handshake's answer.
    drainMicrotasks();
  }

  /** A frame arrived. */
  onFrame(message: string | Buffer): void {
    if (typeof message !== "string") this.apply({ type: "bad_frame", code: 1003 });
    else if (isTooLarge(message)) this.apply({ type: "bad_frame", code: 1009 });
    else this.receive(decodeClientFrame(message));
  }

  /** Takes a frame; `counted`: it was held by its conversation, and is given again. */
  receive(decoded: DecodeResult, counted = false): void {
    this.apply({ type: "frame", decoded, request: this.member.consider(decoded.frame), counted });
  }

  /** A transport ping or pong arrived. */
  onControlFrame(): void {
    this.apply({ type: "control" });
  }

  /** Gives the session what happened, and carries out what it wants done. */
  apply(event: ConnectionEvent): void {
    const { clock, rules } = this.deps;
    const { session, effects } = stepConnection(this.session, event, clock.now(), rules, this.jitter);
    this.session = session;
    // A membership ends with its connection: nothing is sent after the `closing` frame.
    if (session.phase === "closed") this.member.close();
    for (const effect of effects) this.execute(effect, event);
  }

  /** The credential is valid. From now on the connection follows changes to its user's account. */
  authenticated(identity: Identity): void {
    this.credential = credentialOf(identity);
    this.plan = identity.plan;
    this.deps.registry.add(this);
    if (!this.entry.anonymous) return;
    this.deps.admission.authenticated(this.entry);
    this.entry = { ...this.entry, anonymous: false };
  }

  /** Lets the connection in, and its member into the conversation. */
  admitted(welcome: ServerFrameOf<"welcome">, term: TokenTerm, opened: OpenedEvent): void {
    this.joined = true;
    this.apply({ type: "admitted", welcome, term, opened });
    this.schedule();
    this.deps.emit("connection.opened", { ...this.logFields(), plan: welcome.plan });
  }

  /** Another token of the same user takes the place of the one the connection came with. */
  renewed(identity: Identity, term: TokenTerm, writeRefusal: string | undefined): void {
    this.credential = credentialOf(identity);
    this.plan = identity.plan;
    this.apply({ type: "renewed", term });
    this.member.apply({ type: "rights_changed", writeRefusal });
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

  /** Cuts the line without a close frame: the last resort when sending one failed. */
  terminate(): void {
    this.socket?.terminate();
  }

  /** The runtime has sent something. */
  onDrain(): void {
    this.apply({ type: "progress" });
    this.onSent();
  }

  onDue(): void {
    this.apply({ type: "tick", unsent: this.unsent });
    this.schedule();
  }

  /** The socket is closed, by whichever side. `reason` is what the runtime says; it is for the log only (RT-8). */
  onClose(code: number, reason: string): void {
    const { deps, member } = this;
    const neverAuthenticated = this.credential === undefined && !(this.ended && isServerSideClose(code));
    this.session = CLOSED;
    member.close();
    this.held = NO_FRAMES;
    this.closeWriter();
    deps.timingWheel.cancel(this);
    if (neverAuthenticated) deps.admission.failed(this.entry, deps.clock.now());
    deps.admission.release(this.entry);
    deps.registry.remove(this);
    deps.hub.leave(member.conversation, member, code === REPLACED.code);
    if (this.holdsLease) deps.leases.release(this.user, this.named);
    if (!this.joined) return;
    const seconds = (deps.clock.now() - this.openedAt) / 1000;
    deps.emit("connection.closed", { ...this.logFields(), close_code: code, reason, seconds });
  }

  /** The fields by which a line of the log names the connection. */
  logFields(): ConnectionFields {
    const { id, user, member, address } = this;
    return { connection: id, user, conversation: member.conversation, address };
  }

  /** Writes what a step notes to the log. */
  logEvent({ event, ...fields }: SessionLogEvent): void {
    this.deps.emit(event, { ...this.logFields(), ...fields } as EventFields<typeof event>);
  }

  protected override scheduleFlush(): void {
    this.deps.writeBatcher.add(this);
  }

  protected override onUnsent(unsent: number, dropped: boolean): void {
    this.apply({ type: "flushed", unsent, dropped });
  }

  protected override onPagesLeft(): void {
    this.member.apply({ type: "page_left" });
  }

  private execute(effect: ConnectionEffect, cause: ConnectionEvent): void {
    switch (effect.type) {
      case "send":
        this.deliver(JSON.stringify(effect.frame));
        break;
      case "note":
        this.logEvent(effect.note);
        break;
      case "authenticate":
        this.deps.admit(this, { token: effect.token });
        break;
      case "renew":
        this.deps.renew(this, effect.token);
        break;
      case "pass":
        if (cause.type === "frame" && cause.request !== undefined) this.member.carryOut(cause.request);
        break;
      case "hold":
        if (this.held === NO_FRAMES) this.held = [];
        if (cause.type === "frame") this.held.push(cause.decoded);
        break;
      case "release":
        this.release();
        break;
      case "open":
        this.member.apply(effect.opened);
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
      default:
        effect satisfies never;
    }
  }

  private release(): void {
    const { held } = this;
    this.held = NO_FRAMES;
    for (const decoded of held) this.receive(decoded);
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
