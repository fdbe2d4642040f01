import { explainMissingRight, type Grants } from "../../../core/access/grants.ts";
import type { ResumeRequest } from "../../../core/conversation/resume.ts";
import { explainForeignFrame } from "../../../core/session/addressing.ts";
import type { CloseReason } from "../../../core/session/close-reason.ts";
import { stepMembership, stepRequest } from "../../../core/session/membership.ts";
import {
  isRequest,
  JOINING,
  type Membership,
  type MembershipEffect,
  type MembershipEvent,
  type MembershipStep,
  type OpenedEvent,
  type RequestFrame,
  type RequestStep,
} from "../../../core/session/membership-state.ts";
import type { ClientFrame } from "../../../protocol/client-frames.ts";
import type { DecodeResult } from "../../../protocol/decode.ts";
import type { WriterFrame } from "../../streams/writer-state.ts";
import type { ConsideredStep, Conversations } from "../conversations.ts";
import { Member, type MemberConnection } from "./member.ts";

// Shared by all members without held requests, so that an idle member needs no list of its own.
const NO_REQUESTS: RequestFrame[] = [];

/**
 * The only conversation of a socket. It passes events to core/session/membership.ts, which makes all decisions, and carries
 * out the effects. It is also the connection's `Conversations`, to save memory for each idle connection.
 */
export class SoleMember extends Member implements Conversations {
  private membership: Membership = JOINING;
  private held: RequestFrame[] = NO_REQUESTS;
  readonly readsStreams: boolean;

  constructor(connection: MemberConnection, conversation: string, resume: ResumeRequest | undefined) {
    super(connection, conversation, resume);
    this.readsStreams = resume?.streams === true;
  }

  get canTakeStreams(): boolean {
    return !this.isBehind && this.connection.isWritable;
  }

  send(frame: WriterFrame): void {
    this.connection.deliver(JSON.stringify(frame));
  }

  get isNamed(): boolean {
    return false;
  }

  /** What it does not take is reported to the connection by `checkBackpressure`. */
  get hasBacklog(): boolean {
    return false;
  }

  get isJoining(): boolean {
    return this.membership.phase === "joining";
  }

  /** It enters its room once. */
  get entries(): number {
    return 1;
  }

  get isBehind(): boolean {
    return this.membership.phase === "behind";
  }

  get epoch(): string {
    return this.connection.deps.hub.epoch(this.conversation);
  }

  get position(): number {
    return this.membership.phase === "behind" ? this.membership.position : 0;
  }

  /** A socket of one conversation has one member that reads pages. */
  pageTurn(): undefined {
    return undefined;
  }

  /** Ends the membership and its connection, which has no other membership. */
  end(ending: CloseReason): void {
    this.connection.apply({ type: "end", ending });
  }

  check(decoded: DecodeResult): DecodeResult {
    const { frame, error } = decoded;
    if (frame !== undefined) {
      // Nearly every frame is such a message.
      if (frame.type === "message" && frame.conversation === undefined) return decoded;
      const message = explainForeignFrame(frame, this.conversation);
      if (message === undefined) return decoded;
      const id = "id" in frame ? frame.id : undefined;
      return { error: { code: "invalid", message, ...(id !== undefined && { id }) } };
    }
    if (error.conversation === undefined) return decoded;
    // Frames to a socket of one conversation do not carry it.
    const { conversation: _conversation, ...rest } = error;
    return { error: rest };
  }

  consider(frame: ClientFrame | undefined): RequestStep | undefined {
    if (frame === undefined || !isRequest(frame)) return undefined;
    return stepRequest(this.membership, frame, this.connection.deps.rules);
  }

  carryOut(_frame: ClientFrame | undefined, step: ConsideredStep): void {
    // It is what `consider` returned; a check of each step costs more than it is worth.
    this.carryOutStep(step as RequestStep);
  }

  apply(event: MembershipEvent): void {
    this.carryOutStep(stepMembership(this.membership, event, this.connection.deps.rules));
  }

  opened(event: OpenedEvent): void {
    this.apply(event);
  }

  /** `check` has refused these frames. */
  openOrClose(): void {}

  /** As `openOrClose`. */
  inbox(): void {}

  renewed(grants: Grants): void {
    const writeRefusal = explainMissingRight(grants, this.conversation, "write");
    this.apply({ type: "rights_changed", writeRefusal });
  }

  /** A socket of one conversation is closed itself. */
  relieve(unsent: number): number {
    return unsent;
  }

  pagesLeft(): void {
    this.apply({ type: "page_left" });
  }

  close(): void {
    this.held = NO_REQUESTS;
    this.apply({ type: "left" });
  }

  leave(replaced: boolean): void {
    this.connection.deps.hub.leave(this.conversation, this, replaced);
  }

  private carryOutStep({ membership, effects }: MembershipStep): void {
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
      default:
        this.carryOutRequest(effect);
    }
  }

  private release(): void {
    const { held, connection } = this;
    this.held = NO_REQUESTS;
    connection.apply({ type: "released" });
    for (const frame of held) connection.receive({ frame }, true);
  }
}
