import type { Plan } from "../../../core/access/plans.ts";
import { encodeMessageBody } from "../../../core/conversation/entry.ts";
import type { ResumeRequest } from "../../../core/conversation/resume.ts";
import type { ConnectionFields, Emit } from "../../../core/events/events.ts";
import type { MessageLog, PostResult } from "../../../core/ports/message-log.ts";
import type { ReadMarks } from "../../../core/ports/read-marks.ts";
import type { CloseReason } from "../../../core/session/close-reason.ts";
import type { SessionLogEvent } from "../../../core/session/effects.ts";
import { stepMembership, stepRequest } from "../../../core/session/membership.ts";
import {
  type ConnectionReport,
  isRequest,
  JOINING,
  type Membership,
  type MembershipEffect,
  type MembershipEvent,
  type MembershipRules,
  type MembershipStep,
  type RequestFrame,
  type RequestStep,
} from "../../../core/session/membership-state.ts";
import type { ClientFrame, ClientFrameOf } from "../../../protocol/client-frames.ts";
import type { DecodeResult } from "../../../protocol/decode.ts";
import type { MessageCounters } from "../message-counters.ts";
import type { Hub } from "./hub.ts";
import type { RoomMember } from "./room-member.ts";

// Shared by all members without held requests, so that an idle member needs no list of its own.
const NO_REQUESTS: RequestFrame[] = [];

/** The part of a connection that its member uses. */
export interface MemberConnection extends Omit<RoomMember, "end"> {
  readonly plan: Plan | undefined;
  readonly deps: MemberDeps;
  /** Queues a page of encoded frames. Their bytes do not count as back-pressure. */
  feed(frames: readonly string[]): void;
  /** Handles a frame that was held. */
  receive(decoded: DecodeResult, counted: true): void;
  apply(event: ConnectionReport | { readonly type: "released" }): void;
  logEvent(note: SessionLogEvent): void;
  logFields(): ConnectionFields;
}

export interface MemberDeps {
  readonly rules: MembershipRules;
  readonly engine: Pick<MessageLog, "post" | "history"> & Pick<ReadMarks, "setReadMark">;
  readonly hub: Pick<Hub, "epoch" | "setTyping" | "setReadMark">;
  readonly counters: Pick<MessageCounters, "count">;
  readonly emit: Emit;
}

/**
 * One conversation on one connection. It passes events to core/session/membership.ts, which makes all decisions, and carries
 * out the effects.
 */
export class Member implements RoomMember {
  private membership: Membership = JOINING;
  private held: RequestFrame[] = NO_REQUESTS;

  constructor(
    private readonly connection: MemberConnection,
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

  /** The `seq` up to which the client was sent all messages; 0 where it is not catching up. */
  get position(): number {
    return this.membership.phase === "behind" ? this.membership.position : 0;
  }

  deliver(frame: string): void {
    this.connection.deliver(frame);
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

  /** Ends the membership and its connection, which has no other membership. */
  end(ending: CloseReason): void {
    this.connection.apply({ type: "end", ending });
  }

  /** The connection has ended: no more frames of the conversation are sent. */
  close(): void {
    this.held = NO_REQUESTS;
    this.apply({ type: "left" });
  }

  /** Returns the step for a frame, for `carryOut`; undefined where the frame is about the connection. */
  consider(frame: ClientFrame | undefined): RequestStep | undefined {
    if (frame === undefined || !isRequest(frame)) return undefined;
    return stepRequest(this.membership, frame, this.connection.deps.rules);
  }

  apply(event: MembershipEvent): void {
    this.carryOut(stepMembership(this.membership, event, this.connection.deps.rules));
  }

  carryOut({ membership, effects }: MembershipStep): void {
    this.membership = membership;
    for (const effect of effects) this.execute(effect);
  }

  private execute(effect: MembershipEffect): void {
    const { connection } = this;
    switch (effect.type) {
      case "send":
        connection.deliver(JSON.stringify(effect.frame));
        break;
      case "feed":
        connection.feed([effect.frame]);
        break;
      case "note":
        connection.logEvent(effect.note);
        break;
      case "answered":
      case "caught_up":
      case "end":
        connection.apply(effect);
        break;
      case "hold":
        if (this.held === NO_REQUESTS) this.held = [];
        this.held.push(effect.frame);
        break;
      case "release":
        this.release();
        break;
      case "post":
        this.post(effect.frame);
        break;
      case "read_history":
        this.readHistory(effect.frame);
        break;
      case "typing":
        connection.deps.hub.setTyping(this.conversation, this.user, effect.active);
        break;
      case "mark":
        this.mark(effect.seq);
        break;
      default:
        effect satisfies never;
    }
  }

  private release(): void {
    const { held, connection } = this;
    this.held = NO_REQUESTS;
    connection.apply({ type: "released" });
    for (const frame of held) connection.receive({ frame }, true);
  }

  private post(frame: ClientFrameOf<"message">): void {
    const { conversation, user, connection } = this;
    const { engine, hub, counters } = connection.deps;
    const id = frame.id ?? crypto.randomUUID();
    const body = encodeMessageBody(frame.text, frame.data);
    const limit = connection.plan?.requestsPerHour ?? 0;
    const done = (result: PostResult) => {
      counters.count(this, id, result);
      this.apply({ type: "posted", id, result });
    };
    const epoch = hub.epoch(conversation);
    engine.post({ conversation, user, id, kind: "message", body, limit, epoch }, done);
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
    const { conversation, user, connection } = this;
    const { engine, hub, emit } = connection.deps;
    engine.setReadMark(conversation, user, seq, hub.epoch(conversation)).then(
      (mark) => mark !== undefined && hub.setReadMark(conversation, user, mark, this),
      (error) => emit("connection.failed", { ...connection.logFields(), error: String(error) }),
    );
  }
}
