import { nameConversation } from "../../../core/conversation/named-frame.ts";
import type { CloseReason } from "../../../core/session/close-reason.ts";
import type {
  Load,
  OpenItem,
  Refusals,
  UserConversation,
  UserConversationEffect,
  UserConversationEvent,
  UserRequest,
  UserRequestStep,
} from "../../../core/session/user/state.ts";
import {
  countsAsOpen,
  isForgettable,
  isReading,
  outside,
  stepUserConversation,
  stepUserRequest,
} from "../../../core/session/user/step.ts";
import type { WriterFrame } from "../../streams/writer-state.ts";
import { Member, type MemberConnection } from "../conversation/member.ts";

/** What a member uses of the set that it belongs to. */
export interface MemberSet {
  /** What the other conversations take up. */
  loadWithout(member: UserMember): Load;
  /** The conversation waits for its turn to be opened. */
  queue(member: UserMember): void;
  /** Joins the conversation, and applies `opened` or `open_failed`. */
  join(member: UserMember, item: OpenItem): void;
  /** The member catches up from now on, or does not any more. */
  noteCatchingUp(member: UserMember, isBehind: boolean): void;
  /** Nothing of the conversation is open, and nothing waits. */
  forget(member: UserMember): void;
  pageTurn(): Promise<Disposable>;
}

/** The part of a connection that its members use on the socket of a user. */
export interface UserMemberConnection extends MemberConnection {
  /** Whether the runtime holds bytes that the peer has not taken yet. */
  readonly hasBacklog: boolean;
  /** Queues one encoded frame of a conversation. The bytes of a page are no back-pressure. */
  deliverIn(conversation: string, frame: string, isPage: boolean): void;
  /** Drops the frames of a conversation that wait. */
  dropLane(conversation: string): void;
  /** Whether no frame of a conversation waits, and the line takes more. */
  isLaneFree(conversation: string): boolean;
  /** Whether no frame of a conversation waits, and the peer has read nearly all that was sent. */
  isLaneWritable(conversation: string): boolean;
  /** Resolves when no page of a conversation waits. */
  laneDrained(conversation: string): Promise<void>;
}

/** For requests that depend on no other conversation. */
const NO_LOAD: Load = { isFull: false, isReading: false };

// Shared by all members without held requests.
const NO_REQUESTS: UserRequest[] = [];

/**
 * One of the conversations on the socket of a user. It passes events to core/session/user/step.ts, which makes all
 * decisions, and carries out the effects. It exists while the conversation is open or a request of it waits.
 */
export class UserMember extends Member {
  entries = 0;
  private state: UserConversation;
  private held: UserRequest[] = NO_REQUESTS;
  /** Whether held requests are carried out: the set must not forget the member between a `close` and an `open` of them. */
  private isReleasing = false;

  constructor(
    override readonly connection: UserMemberConnection,
    conversation: string,
    private readonly set: MemberSet,
    refusals: Refusals,
  ) {
    super(connection, conversation, undefined);
    this.state = outside(refusals);
  }

  get isNamed(): boolean {
    return true;
  }

  get isJoining(): boolean {
    return this.state.phase === "opening";
  }

  get isBehind(): boolean {
    return this.state.membership.phase === "behind";
  }

  /** Whether it counts as one of the open conversations of its connection. */
  get countsAsOpen(): boolean {
    return countsAsOpen(this.state);
  }

  get epoch(): string | undefined {
    return this.state.phase === "inside" ? this.connection.deps.hub.epoch(this.conversation) : undefined;
  }

  get position(): number {
    const { membership } = this.state;
    return membership.phase === "behind" ? membership.position : 0;
  }

  /** What the token does not allow here. */
  get refusals(): Refusals {
    return this.state.refusals;
  }

  override get canSubscribe(): boolean {
    return this.connection.isLaneFree(this.conversation) && !this.readsOpenStreams;
  }

  get readsStreams(): boolean {
    return true;
  }

  get canTakeStreams(): boolean {
    return !this.isBehind && this.connection.isLaneWritable(this.conversation);
  }

  send(frame: WriterFrame): void {
    this.sendUnnamed(JSON.stringify(frame));
  }

  get hasBacklog(): boolean {
    return this.connection.hasBacklog;
  }

  /** Whether the conversation is open. */
  get isInside(): boolean {
    return this.state.phase === "inside";
  }

  /** Whether a page of history is being read, or waits for the line. */
  get isReading(): boolean {
    return isReading(this.state);
  }

  override deliver(frame: string): void {
    this.connection.deliverIn(this.conversation, frame, false);
  }

  /** Sends frames that do not carry the conversation yet. */
  override feed(frames: readonly string[]): void {
    const { connection, conversation } = this;
    for (const frame of frames)
      connection.deliverIn(conversation, nameConversation(frame, conversation), true);
  }

  override drained(): Promise<void> {
    return this.connection.laneDrained(this.conversation);
  }

  /** Sends a frame that does not carry the conversation yet. */
  sendUnnamed(frame: string): void {
    this.deliver(nameConversation(frame, this.conversation));
  }

  pageTurn(): Promise<Disposable> {
    return this.set.pageTurn();
  }

  end(ending: CloseReason): void {
    this.apply({ type: "end", ending });
  }

  /** Returns the step of a request, for `carryOut`. */
  consider(request: UserRequest): UserRequestStep {
    const { type } = request;
    const load = type === "open" || type === "history" ? this.set.loadWithout(this) : NO_LOAD;
    return stepUserRequest(this.state, request, load);
  }

  /** Handles a request that the connection does not count: `open` or `close`. */
  request(request: UserRequest): void {
    this.carryOut(this.consider(request));
  }

  apply(event: Exclude<UserConversationEvent, { type: "request" }>): void {
    if (event.type === "opened") this.entries++;
    this.carryOut(stepUserConversation(this.state, event));
  }

  carryOut({ state, effects }: Pick<UserRequestStep, "state" | "effects">): void {
    this.state = state;
    for (const effect of effects) this.execute(effect);
    if (!this.isReleasing && isForgettable(this.state)) this.set.forget(this);
  }

  /** The connection has ended. */
  close(): void {
    this.held = NO_REQUESTS;
    this.apply({ type: "left" });
  }

  /** Leaves the room, if it is in it. */
  leave(replaced: boolean): void {
    this.connection.deps.hub.leave(this.conversation, this, replaced);
  }

  private execute(effect: UserConversationEffect): void {
    const { connection, conversation } = this;
    switch (effect.type) {
      case "send":
        this.sendUnnamed(JSON.stringify(effect.frame));
        break;
      case "feed":
        this.feed([effect.frame]);
        break;
      case "note":
        connection.logEvent(effect.note, conversation);
        break;
      case "answered":
        connection.apply(effect);
        break;
      case "catching_up":
        this.set.noteCatchingUp(this, true);
        break;
      case "caught_up":
        this.set.noteCatchingUp(this, false);
        break;
      case "leave":
        this.set.noteCatchingUp(this, false);
        this.leave(effect.reopens);
        break;
      case "drop":
        connection.dropLane(conversation);
        this.held = this.held.filter(({ type }) => type === "open" || type === "close");
        break;
      case "queue":
        this.set.queue(this);
        break;
      case "join":
        this.set.join(this, effect.item);
        break;
      case "hold":
        if (this.held === NO_REQUESTS) this.held = [];
        this.held.push(effect.frame);
        break;
      case "release":
        this.release();
        break;
      default:
        this.carryOutRequest(effect);
    }
  }

  private release(): void {
    const { held, connection, isReleasing } = this;
    this.held = NO_REQUESTS;
    this.isReleasing = true;
    for (const request of held) {
      if (request.type === "open" || request.type === "close") this.request(request);
      else connection.receive({ frame: request }, true);
    }
    this.isReleasing = isReleasing;
  }
}
