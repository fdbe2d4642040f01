import type { Plan } from "../../../core/access/plans.ts";
import { encodeMessageBody } from "../../../core/conversation/entry.ts";
import type { ResumeRequest } from "../../../core/conversation/resume.ts";
import type { ConnectionFields, Emit } from "../../../core/events/events.ts";
import type { MessageLog, PostResult } from "../../../core/ports/message-log.ts";
import type { ReadMarks } from "../../../core/ports/read-marks.ts";
import type { CloseReason } from "../../../core/session/close-reason.ts";
import type { SessionLogEvent } from "../../../core/session/effects.ts";
import type {
  ConnectionReport,
  MembershipEvent,
  MembershipRules,
} from "../../../core/session/membership-state.ts";
import type { ClientFrameOf } from "../../../protocol/client-frames.ts";
import type { DecodeResult } from "../../../protocol/decode.ts";
import type { MessageCounters } from "../message-counters.ts";
import type { Hub } from "./hub.ts";
import type { RoomMember } from "./room-member.ts";

/** The part of a connection that its members use. */
export interface MemberConnection
  extends Pick<
    RoomMember,
    "user" | "canSubscribe" | "deliver" | "subscribe" | "unsubscribe" | "checkBackpressure"
  > {
  readonly plan: Plan | undefined;
  readonly deps: MemberDeps;
  /** Whether its session has ended. */
  readonly ended: boolean;
  /** Queues a page of encoded frames. Their bytes do not count as back-pressure. */
  feed(frames: readonly string[]): void;
  /** Resolves when all delivered frames are sent to the peer, or never will be. */
  drained(): Promise<void>;
  /** Handles a frame that was held. */
  receive(decoded: DecodeResult, counted: true): void;
  apply(event: ConnectionReport | { readonly type: "released" | "catching_up" }): void;
  logEvent(note: SessionLogEvent, conversation?: string): void;
  logFields(conversation?: string): ConnectionFields;
}

export interface MemberDeps {
  readonly rules: MembershipRules;
  readonly engine: Pick<MessageLog, "post" | "history"> & Pick<ReadMarks, "setReadMark">;
  readonly hub: Pick<Hub, "epoch" | "setTyping" | "setReadMark" | "leave">;
  readonly counters: Pick<MessageCounters, "count">;
  readonly emit: Emit;
}

/** An effect that is carried out alike on both kinds of sockets. */
type RequestEffect =
  | { readonly type: "post"; readonly frame: ClientFrameOf<"message"> }
  | { readonly type: "read_history"; readonly frame: ClientFrameOf<"history"> }
  | { readonly type: "typing"; readonly active: boolean }
  | { readonly type: "mark"; readonly seq: number };

/**
 * One conversation on one connection: what the room delivers to, and what carries out requests at the store. The subclasses
 * are its two kinds: the only conversation of a socket, and one of several on the socket of a user.
 */
export abstract class Member implements RoomMember {
  abstract readonly isNamed: boolean;
  abstract readonly hasBacklog: boolean;

  constructor(
    protected readonly connection: MemberConnection,
    readonly conversation: string,
    /** The client's position when it connected; undefined after it has joined. */
    public resume: ResumeRequest | undefined,
  ) {}

  get user(): string {
    return this.connection.user;
  }

  get canSubscribe(): boolean {
    return this.connection.canSubscribe;
  }

  /** Whether the client still waits to be joined to the conversation. */
  abstract get isJoining(): boolean;

  /** Whether the client is catching up. */
  abstract get isBehind(): boolean;

  /** The epoch that the member has joined; undefined where it is not in the room. */
  abstract get epoch(): string | undefined;

  /** The `seq` up to which the client was sent all messages; 0 where it is not catching up. */
  abstract get position(): number;

  /** Passes an event to the rules, and carries out the effects. */
  abstract apply(event: Exclude<MembershipEvent, { type: "request" | "opened" | "rights_changed" }>): void;

  /** Ends the membership. A socket of one conversation is closed; on the socket of a user `closed` is sent. */
  abstract end(ending: CloseReason): void;

  deliver(frame: string): void {
    this.connection.deliver(frame);
  }

  /** Queues a page of encoded messages. Their bytes do not count as back-pressure. */
  feed(frames: readonly string[]): void {
    this.connection.feed(frames);
  }

  /** Resolves when the member may read the next page of missed messages. The turn ends with its disposal. */
  abstract pageTurn(): Promise<Disposable> | undefined;

  drained(): Promise<void> {
    return this.connection.drained();
  }

  subscribe(topic: string): void {
    this.connection.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.connection.unsubscribe(topic);
  }

  checkBackpressure(): void {
    this.connection.checkBackpressure();
  }

  protected carryOutRequest(effect: RequestEffect): void {
    switch (effect.type) {
      case "post":
        this.post(effect.frame);
        break;
      case "read_history":
        this.readHistory(effect.frame);
        break;
      case "typing":
        this.connection.deps.hub.setTyping(this.conversation, this.user, effect.active);
        break;
      case "mark":
        this.mark(effect.seq);
        break;
      default:
        effect satisfies never;
    }
  }

  private post(frame: ClientFrameOf<"message">): void {
    const { conversation, user, connection, epoch } = this;
    const { engine, counters } = connection.deps;
    const id = frame.id ?? crypto.randomUUID();
    const body = encodeMessageBody(frame.text, frame.data);
    const limit = connection.plan?.requestsPerHour ?? 0;
    const done = (result: PostResult) => {
      counters.count(this, id, result);
      this.apply({ type: "posted", id, result });
    };
    if (epoch === undefined) engine.post({ conversation, user, id, kind: "message", body, limit }, done);
    else engine.post({ conversation, user, id, kind: "message", body, limit, epoch }, done);
  }

  private readHistory({ before, after, limit: count, id }: ClientFrameOf<"history">): void {
    const { conversation, user, connection } = this;
    const limit = connection.plan?.requestsPerHour ?? 0;
    const range = { ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
    connection.deps.engine.history({ conversation, user, limit, count, ...range }, (result) =>
      this.apply({ type: "history_read", result, ...(id !== undefined && { id }) }),
    );
  }

  private mark(seq: number): void {
    const { conversation, user, connection, epoch } = this;
    const { engine, hub, emit } = connection.deps;
    engine.setReadMark(conversation, user, seq, epoch).then(
      (mark) => mark !== undefined && hub.setReadMark(conversation, user, mark, this),
      (error) => emit("connection.failed", { ...connection.logFields(conversation), error: String(error) }),
    );
  }
}
