import { drainMicrotasks } from "bun:jsc";
import type { SocketEntry } from "../../core/access/admission.ts";
import type { DemoUse } from "../../core/access/demo-accounts.ts";
import type { Grants } from "../../core/access/grants.ts";
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
import type { ConversationWelcome, UserWelcome } from "../../protocol/server-frames.ts";
import type { Identity } from "../authentication/authenticate.ts";
import type { PresentedCredential } from "../authentication/presented-credential.ts";
import type { Permit } from "../concurrency-limiter.ts";
import type { ConnectionDeps, ConnectionInit, Socket } from "./connection-deps.ts";
import { SoleMember } from "./conversation/sole-member.ts";
import type { ConsideredStep, Conversations } from "./conversations.ts";
import { SocketWriter } from "./socket-writer.ts";
import type { TimerEntry } from "./timing-wheel.ts";
import { writeRefusalOf } from "./token-access.ts";
import { LaneWriter } from "./user/lane-writer.ts";
import { UserConversations } from "./user/user-conversations.ts";

/** The claims by which a revocation applies to a connection's token. */
export type Credential = Pick<Identity, "tokenId" | "issuedAt">;

/** Those of a connection that is not authenticated yet. */
const NO_GRANTS: Grants = { conversations: [] };

// Shared by all connections without held frames, so that an idle connection needs no list of its own.
const NO_FRAMES: DecodeResult[] = [];

/**
 * One socket, with one conversation on it, or the socket of a user, with several. It passes frames and other events to core/session/connection-session.ts, which
 * makes all decisions, and carries out the effects. The handlers are synchronous, so that two frames of one socket are never
 * handled at the same time (RT-3).
 */
export class Connection extends SocketWriter implements TimerEntry, NamedConnection {
  readonly id = crypto.getRandomValues(new Uint32Array(1))[0]!.toString(36);
  readonly user: string;
  readonly address: string;
  readonly demoUse: DemoUse;
  /** The conversations on it. */
  readonly conversations: Conversations;
  wheelSlot = -1;
  /** The present plan; a change applies from the next request on (Q2). */
  plan: Plan | undefined;
  /** What the present token allows. */
  grants: Grants = NO_GRANTS;
  /** The present token; undefined until the connection is authenticated. */
  credential: Credential | undefined;
  private readonly client: string | undefined;
  protected session: ConnectionSession;
  private joined = false;
  /** Whether a lease was acquired for this connection; it is released when the connection closes. */
  holdsLease = false;
  private entry: SocketEntry;
  /** Frames that arrived before it was admitted. */
  private held: DecodeResult[] = NO_FRAMES;
  /** The credential in the handshake, and the permit of the admission queue; both are passed on when the socket opens. */
  private presented: PresentedCredential | undefined;
  private permit: Permit | undefined;
  private readonly addressError: string | undefined;
  private readonly openedAt: number;
  /** Between −1 and 1: spreads the pings of sockets that opened at the same time. */
  private readonly jitter = Math.random() * 2 - 1;

  constructor(
    readonly deps: ConnectionDeps<Connection>,
    init: ConnectionInit,
  ) {
    super();
    this.user = init.user;
    if (init.conversation === undefined) {
      const lanes = new LaneWriter((lane) => conversations.lanePagesLeft(lane));
      const conversations = new UserConversations(this, lanes, {
        maxOpen: deps.maxOpenConversations,
        maxUnsent: deps.rules.maxUnsent,
        open: (member, item) => deps.open(this, member, item),
        openInbox: (grants) => deps.openInbox(this, grants),
      });
      this.conversations = conversations;
      this.lanes = lanes;
    } else this.conversations = new SoleMember(this, init.conversation, init.resume);
    this.address = init.entry.address;
    this.demoUse = init.demoUse;
    this.entry = init.entry;
    this.presented = init.presented;
    this.permit = init.permit;
    this.client = init.client;
    this.addressError = init.addressError;
    this.openedAt = init.arrivedAt;
    this.session = openConnection(init.presented !== undefined, deps.clock.turn(), deps.rules);
  }

  /** Whether the session has ended; the socket may still be closing. */
  get ended(): boolean {
    return this.session.phase === "closed";
  }

  /** Whether it has got its `welcome`, and has not ended. */
  get isLive(): boolean {
    return this.session.phase === "live";
  }

  /** Whether a request waits for a result of the store. */
  get isWaiting(): boolean {
    return this.session.phase === "live" && this.session.waiting > 0;
  }

  /** This connection for the leases; undefined where it names no client. */
  get named(): NamedConnection | undefined {
    return this.client === undefined ? undefined : this;
  }

  get slot(): string {
    return slotOf(this.conversations.conversation, this.client ?? "");
  }

  ageMs(): number {
    return this.deps.clock.now() - this.openedAt;
  }

  onReplaced(): void {
    this.end(REPLACED);
  }

  /** The socket is open. The credential is checked only now: a frame sent before the upgrade would break the handshake (RT-7). */
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
    // Within this handler the runtime collects the frames for the socket, so that a welcome that needs no other machine is sent
    // together with the response to the handshake.
    drainMicrotasks();
  }

  /** A frame arrived. */
  onFrame(message: string | Buffer): void {
    if (typeof message !== "string") this.apply({ type: "bad_frame", code: 1003 });
    else if (isTooLarge(message)) this.apply({ type: "bad_frame", code: 1009 });
    else this.receive(decodeClientFrame(message));
  }

  /** Handles a frame. `counted`: it was held by its conversation, and the flood guard has counted it already. */
  receive(received: DecodeResult, counted = false): void {
    const { conversations } = this;
    const decoded = conversations.check(received);
    this.apply({ type: "frame", decoded, request: conversations.consider(decoded.frame), counted });
  }

  /** A transport ping or pong arrived. */
  onControlFrame(): void {
    this.apply({ type: "control" });
  }

  /** Passes an event to the session, and carries out the effects. */
  apply(event: ConnectionEvent): void {
    const { clock, rules } = this.deps;
    const { session, effects } = stepConnection(this.session, event, clock.turn(), rules, this.jitter);
    this.session = session;
    // A membership ends with its connection, so that no frame is sent after the `closing` frame.
    if (session.phase === "closed") {
      this.conversations.close();
      this.endLanes();
    }
    for (const effect of effects) this.execute(effect, event);
  }

  /** The credential is valid. From now on the connection follows changes to its user's account. */
  authenticated(identity: Identity): void {
    this.credential = credentialOf(identity);
    this.plan = identity.plan;
    this.grants = identity.grants;
    this.deps.registry.add(this);
    if (!this.entry.anonymous) return;
    this.deps.admission.authenticated(this.entry);
    this.entry = { ...this.entry, anonymous: false };
  }

  /** Admits the connection; that of one conversation after its member has joined the conversation. */
  admitted(welcome: ConversationWelcome | UserWelcome, term: TokenTerm, opened?: OpenedEvent): void {
    this.joined = true;
    this.apply({ type: "admitted", welcome, term, ...(opened !== undefined && { opened }) });
    this.schedule();
    this.deps.emit("connection.opened", { ...this.logFields(), plan: welcome.plan });
  }

  /** Replaces the token by another one of the same user. */
  renewed(identity: Identity, term: TokenTerm): void {
    this.credential = credentialOf(identity);
    this.plan = identity.plan;
    this.grants = identity.grants;
    this.apply({ type: "renewed", term });
    this.conversations.renewed(identity.grants);
    this.deps.streams.renewed(this, (name) => writeRefusalOf(identity, name) !== undefined);
    // The new token may expire sooner than the old one.
    this.schedule();
  }

  /** Refuses the credential, or the address for which it was used, and closes the connection. */
  refused(code: ErrorCode, message: string): void {
    this.deps.emit("connection.rejected", { ...this.logFields(), code, reason: message });
    this.apply({ type: "refused", code, message });
  }

  /** The machine's clock was set forward by this many milliseconds; a negative number means back. */
  clockStepped(by: number): void {
    this.apply({ type: "clock_stepped", by });
    this.schedule();
  }

  /** Ends the connection for a reason outside its session. */
  end(ending: CloseReason): void {
    this.apply({ type: "end", ending });
  }

  /** Ends the TCP connection without a close frame: for a dead peer, or when sending one failed. */
  terminate(): void {
    this.socket?.terminate();
  }

  /** The runtime has sent some of the unsent bytes. */
  onDrain(): void {
    this.apply({ type: "progress" });
    this.onSent();
  }

  onDue(): void {
    this.apply({ type: "tick", unsent: this.unsent });
    this.schedule();
  }

  /** The socket is closed, by the client, the server or the network. `reason` is the runtime's, and for the log only (RT-8). */
  onClose(code: number, reason: string): void {
    const { deps, conversations } = this;
    const neverAuthenticated = this.credential === undefined && !(this.ended && isServerSideClose(code));
    this.session = CLOSED;
    conversations.close();
    this.held = NO_FRAMES;
    this.closeWriter();
    deps.timingWheel.cancel(this);
    if (neverAuthenticated) deps.admission.failed(this.entry, deps.clock.now());
    deps.admission.release(this.entry);
    deps.registry.remove(this);
    conversations.leave(code === REPLACED.code);
    deps.streams.left(this);
    if (this.holdsLease) deps.leases.release(this.user, this.named);
    if (!this.joined) return;
    const seconds = (deps.clock.now() - this.openedAt) / 1000;
    deps.emit("connection.closed", { ...this.logFields(), close_code: code, reason, seconds });
  }

  /** The fields that identify the connection in the log, and on the socket of a user one conversation on it. */
  logFields(conversation = this.conversations.conversation): ConnectionFields {
    const { id, user, address } = this;
    return { connection: id, user, ...(conversation !== undefined && { conversation }), address };
  }

  /** Emits an event of the session, with the fields of the connection. */
  logEvent({ event, ...fields }: SessionLogEvent, conversation?: string): void {
    this.deps.emit(event, { ...this.logFields(conversation), ...fields } as EventFields<typeof event>);
  }

  protected override scheduleFlush(): void {
    this.deps.writeBatcher.add(this);
  }

  protected override onUnsent(unsent: number, dropped: boolean): void {
    this.apply({ type: "flushed", unsent: this.conversations.relieve(unsent), dropped });
  }

  protected override onPagesLeft(): void {
    this.conversations.pagesLeft();
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
        this.carryOut(cause);
        break;
      case "hold":
        if (this.held === NO_FRAMES) this.held = [];
        if (cause.type === "frame") this.held.push(cause.decoded);
        break;
      case "release":
        this.release();
        break;
      case "open":
        this.conversations.opened(effect.opened);
        break;
      case "open_or_close":
        this.conversations.openOrClose(effect.frame);
        break;
      case "inbox":
        this.conversations.inbox(effect.frame);
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
        this.writeFirstLane();
        this.socket?.close(effect.code, effect.reason);
        break;
      case "terminate":
        this.terminate();
        break;
      default:
        effect satisfies never;
    }
  }

  /** Carries out the step of a request that `receive` has considered. */
  private carryOut(cause: ConnectionEvent): void {
    if (cause.type !== "frame" || cause.request === undefined) return;
    this.conversations.carryOut(cause.decoded.frame, cause.request as ConsideredStep);
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

/** Copies only the fields that are needed later, since each connection holds one. */
function credentialOf({ tokenId, issuedAt }: Identity): Credential {
  return { tokenId, issuedAt };
}

function isTooLarge(text: string): boolean {
  // A UTF-16 unit takes at most three bytes in UTF-8, so the bytes of most frames need not be counted.
  return text.length * 3 > MAX_FRAME_BYTES && Buffer.byteLength(text) > MAX_FRAME_BYTES;
}
