import { type Grants, grantsManage } from "../../../core/access/grants.ts";
import type { Plan } from "../../../core/access/plans.ts";
import { type ChangeRequestFrame, changeOf, changeReply } from "../../../core/changes/replies.ts";
import { encodeMessageBody } from "../../../core/conversation/entry.ts";
import { readHistory } from "../../../core/conversation/history-around.ts";
import type { ResumeRequest } from "../../../core/conversation/resume.ts";
import type { ConnectionFields, Emit } from "../../../core/events/events.ts";
import type { MemberPolicy } from "../../../core/members/policy.ts";
import { postRulesOf } from "../../../core/members/post-rules.ts";
import { conflict, type MemberRefusal, OTHER_EPOCH } from "../../../core/members/refusals.ts";
import type { Engine } from "../../../core/ports/engine.ts";
import type { MessageLog, PostRequest, PostResult } from "../../../core/ports/message-log.ts";
import type { ReadMarks } from "../../../core/ports/read-marks.ts";
import type { CloseReason } from "../../../core/session/close-reason.ts";
import type { SessionLogEvent } from "../../../core/session/effects.ts";
import type {
  ConnectionReport,
  HistoryOutcome,
  MembershipEvent,
  MembershipRules,
} from "../../../core/session/membership-state.ts";
import type { RequestReply } from "../../../core/session/request-reply.ts";
import { unavailableFrame } from "../../../core/session/store-refusals.ts";
import type { StreamRequestFrame } from "../../../core/streams/replies.ts";
import type { ClientFrameOf } from "../../../protocol/client-frames.ts";
import type { DecodeResult } from "../../../protocol/decode.ts";
import type { ServerFrameOf } from "../../../protocol/server-frames.ts";
import type { MemberGate } from "../../members/member-gate.ts";
import type { StreamRequester, StreamRequests } from "../../streams/stream-requests.ts";
import type { WriterFrame } from "../../streams/writer-state.ts";
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
  /** What the present token allows. */
  readonly grants: Grants;
  readonly deps: MemberDeps;
  /** Whether its session has ended. */
  readonly ended: boolean;
  /** Whether the peer has read nearly all that was sent: frames that can wait are sent now. */
  readonly isWritable: boolean;
  /** Queues a page of encoded frames. Their bytes do not count as back-pressure. */
  feed(frames: readonly string[]): void;
  /** Resolves when all delivered frames are sent to the peer, or never will be. */
  drained(): Promise<void>;
  /** Handles a frame that was held. */
  receive(decoded: DecodeResult, counted: true): void;
  apply(event: ConnectionReport | { readonly type: "released" | "catching_up" | "kept_awake" }): void;
  logEvent(note: SessionLogEvent, conversation?: string): void;
  logFields(conversation?: string): ConnectionFields;
}

export interface MemberDeps {
  readonly rules: MembershipRules;
  readonly engine: Pick<MessageLog, "post" | "history" | "head"> &
    Pick<ReadMarks, "setReadMark"> &
    Pick<Engine, "changes" | "isUnavailable">;
  readonly hub: Pick<Hub, "epoch" | "find" | "setTyping" | "setReadMark" | "leave">;
  readonly memberPolicy: MemberPolicy;
  readonly gate: Pick<MemberGate, "refusalOf">;
  readonly counters: Pick<MessageCounters, "begin" | "count">;
  readonly emit: Emit;
  readonly streams: Pick<StreamRequests, "request">;
}

interface PostRules {
  /** The grants for which they were made. */
  readonly grants: Grants;
  joins: PostRequest["joins"] | undefined;
  readonly exempt: boolean | undefined;
  readonly mustExist: boolean | undefined;
}

/** An effect that is carried out alike on both kinds of sockets. */
type RequestEffect =
  | { readonly type: "post"; readonly frame: ClientFrameOf<"message"> }
  | { readonly type: "read_history"; readonly frame: ClientFrameOf<"history"> }
  | { readonly type: "typing"; readonly active: boolean }
  | { readonly type: "mark"; readonly seq: number; readonly epoch: string | undefined }
  | { readonly type: "change"; readonly frame: ChangeRequestFrame }
  | { readonly type: "stream"; readonly frame: StreamRequestFrame };

/**
 * One conversation on one connection: what the room delivers to, and what carries out requests at the store. The subclasses
 * are its two kinds: the only conversation of a socket, and one of several on the socket of a user.
 */
export abstract class Member implements RoomMember, StreamRequester {
  abstract readonly isNamed: boolean;
  private postRules: PostRules | undefined;
  abstract readonly hasBacklog: boolean;

  constructor(
    readonly connection: MemberConnection,
    readonly conversation: string,
    /** The client's position when it connected; undefined after it has joined. */
    public resume: ResumeRequest | undefined,
  ) {}

  get user(): string {
    return this.connection.user;
  }

  get canSubscribe(): boolean {
    return this.connection.canSubscribe && !this.readsOpenStreams;
  }

  abstract readonly readsStreams: boolean;
  abstract readonly canTakeStreams: boolean;

  /** Sends a frame that does not carry the conversation yet. */
  abstract send(frame: WriterFrame): void;

  get isGone(): boolean {
    return this.connection.ended;
  }

  get limit(): number {
    return this.connection.plan?.requestsPerHour ?? 0;
  }

  /** The name of the user's plan. */
  get plan(): string | undefined {
    return this.connection.plan?.name;
  }

  /** Replies to `stream_start` or `stream_end`. */
  replied(reply: RequestReply): void {
    this.apply({ type: "replied", reply });
  }

  /** Whether a draft is being written that it reads. */
  protected get readsOpenStreams(): boolean {
    return this.readsStreams && this.connection.deps.hub.find(this.conversation)?.streams !== undefined;
  }

  get manages(): boolean {
    return grantsManage(this.connection.grants, this.conversation);
  }

  keepAwake(): void {
    this.connection.apply({ type: "kept_awake" });
  }

  standingChanged(): void {
    this.postRules = undefined;
  }

  /** Whether the client still waits to be joined to the conversation. */
  abstract get isJoining(): boolean;

  /** Whether the client is catching up. */
  abstract get isBehind(): boolean;

  /** How often it has entered its room. On the socket of a user a conversation may be opened again and again. */
  abstract readonly entries: number;

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
        this.connection.deps.hub.setTyping(this.conversation, this.user, effect.active, this.manages);
        break;
      case "mark":
        this.mark(effect.seq, effect.epoch);
        break;
      case "change":
        this.change(effect.frame);
        break;
      case "stream":
        this.connection.deps.streams.request(this, effect.frame);
        break;
      default:
        effect satisfies never;
    }
  }

  private post(frame: ClientFrameOf<"message">): void {
    if (frame.epoch === undefined || frame.epoch === this.epoch) this.store(frame);
    else void this.postInEpoch(frame, frame.epoch);
  }

  /** Refuses a message of another epoch, or stores one for a conversation that is not open if it has this epoch. */
  private async postInEpoch(frame: ClientFrameOf<"message">, expected: string): Promise<void> {
    const { conversation, connection } = this;
    const named = frame.id === undefined ? {} : { id: frame.id };
    const refuse = (error: ServerFrameOf<"error">) =>
      this.apply({ type: "replied", reply: { frame: error, quota: undefined, ...named } });
    try {
      const present = this.epoch ?? (await connection.deps.engine.head(conversation)).epoch;
      if (present === expected) this.store(frame);
      else refuse({ type: "error", ...conflict(OTHER_EPOCH), epoch: present, ...named });
    } catch {
      refuse(unavailableFrame(named));
    }
  }

  private store(frame: ClientFrameOf<"message">): void {
    const { conversation, user, connection, epoch, limit } = this;
    const { engine, counters } = connection.deps;
    const id = frame.id ?? crypto.randomUUID();
    const body = frame.encodedText ?? encodeMessageBody(frame.text, frame.data, frame.reply_to);
    const rules = this.rules;
    const began = counters.begin();
    const done = (result: PostResult) => {
      // From now on the user is a member, where it can be one.
      if (result.outcome === "stored" && this.postRules === rules) rules.joins = undefined;
      counters.count(this, id, result, began);
      this.apply({ type: "posted", id, conversation, result });
    };
    const { joins, exempt, mustExist } = rules;
    // One literal with all fields: spreading those that are there costs a twentieth of the message.
    engine.post(
      { conversation, user, id, kind: "message", body, limit, epoch, joins, exempt, mustExist },
      done,
    );
  }

  private change(frame: ChangeRequestFrame): void {
    const { conversation, user, connection, epoch, manages, limit } = this;
    const { exempt, mustExist } = this.rules;
    const { seq, id, epoch: expectedEpoch } = frame;
    connection.deps.engine.changes.change(
      {
        ...{ conversation, user, seq, change: changeOf(frame), limit },
        ...{ epoch, expectedEpoch, exempt, mustExist, moderates: manages },
        ...(id !== undefined && { id }),
      },
      (result) => this.apply({ type: "replied", reply: changeReply(conversation, frame, result) }),
    );
  }

  /** The rules of members for the posts of this member. They are the same until the token or the standing changes. */
  get rules(): PostRules {
    const { connection, conversation, user } = this;
    if (this.postRules?.grants === connection.grants) return this.postRules;
    const actor = { kind: "user", name: user, manages: this.manages } as const;
    const { joins, exempt, mustExist } = postRulesOf(actor, conversation, user, connection.deps.memberPolicy);
    this.postRules = { grants: connection.grants, joins, exempt, mustExist };
    return this.postRules;
  }

  /** Carries out a request of a conversation that may not be open, if the user may read it. */
  private async ifReadable(
    carryOut: () => void | Promise<void>,
    refuse: (refusal: MemberRefusal) => void,
  ): Promise<void> {
    if (this.epoch !== undefined) return carryOut();
    const { conversation, user, manages } = this;
    const refusal = await this.connection.deps.gate.refusalOf({ conversation, user, manages });
    if (refusal === undefined) await carryOut();
    else refuse(refusal);
  }

  private readHistory({ before, after, around, epoch, limit: count, id }: ClientFrameOf<"history">): void {
    const { conversation, user, connection, limit } = this;
    const { engine } = connection.deps;
    const range = {
      ...(before !== undefined && { before }),
      ...(after !== undefined && { after }),
      ...(around !== undefined && { around }),
    };
    const apply = (result: HistoryOutcome) =>
      this.apply({ type: "history_read", result, ...(id !== undefined && { id }) });
    const read = () => readHistory(engine, { conversation, user, limit, count, ...range }, apply);
    const refuse = (refusal: MemberRefusal) => apply({ outcome: "refused", refusal });
    const readInEpoch = async () => {
      const present = this.epoch ?? (await engine.head(conversation)).epoch;
      if (present === epoch) read();
      else refuse(conflict(OTHER_EPOCH));
    };
    this.ifReadable(epoch === undefined ? read : readInEpoch, refuse).catch(() =>
      apply({ outcome: "unavailable" }),
    );
  }

  private mark(seq: number, expected: string | undefined): void {
    const { conversation, user, connection, epoch } = this;
    const { engine, hub, emit } = connection.deps;
    const setMark = async () => {
      const { manages } = this;
      // The same `seq` is another message in another epoch.
      if (expected !== undefined && expected !== (epoch ?? (await engine.head(conversation)).epoch)) return;
      if (epoch !== undefined) return engine.setReadMark(conversation, user, seq, epoch, manages);
      const refusal = await connection.deps.gate.refusalOf({ conversation, user, manages });
      return refusal === undefined
        ? engine.setReadMark(conversation, user, seq, undefined, manages)
        : undefined;
    };
    setMark().then(
      (mark) => mark !== undefined && hub.setReadMark(conversation, user, mark, this),
      (error) => {
        // A mark gets no answer, and the log says already that the store is unavailable. The user's next mark replaces this one.
        if (engine.isUnavailable(error)) return;
        emit("connection.failed", { ...connection.logFields(conversation), error: String(error) });
      },
    );
  }
}
