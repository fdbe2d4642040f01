import { explainMissingRight, type Grants } from "../../../core/access/grants.ts";
import { explainUnnamedFrame } from "../../../core/session/addressing.ts";
import { closeReason } from "../../../core/session/close-reason.ts";
import { isRequest } from "../../../core/session/membership-state.ts";
import { conversationsBehind } from "../../../core/session/user/behind.ts";
import type { Load, OpenItem, Refusals, UserRequestStep } from "../../../core/session/user/state.ts";
import type { ClientFrame, ClientFrameOf, Opening } from "../../../protocol/client-frames.ts";
import type { DecodeResult } from "../../../protocol/decode.ts";
import type { SocketInbox } from "../../inbox/socket-inbox.ts";
import type { ConsideredStep, Conversations } from "../conversations.ts";
import type { LaneWriter } from "./lane-writer.ts";
import { PageTurns } from "./page-turns.ts";
import { type MemberSet, UserMember, type UserMemberConnection } from "./user-member.ts";

/** The conversations that one socket opens at a time (MX2). */
const MAX_OPENING = 4;

/** The pages of history that are read for one socket, or wait for its line, at a time: they are in memory until then. */
const MAX_READING = 16;

export interface UserConversationsDeps {
  /** The most conversations that may be open at a time (MX5). */
  readonly maxOpen: number;
  /** Bytes that may wait for the line (MX4). */
  readonly maxUnsent: number;
  /** Joins a conversation, and applies `opened` or `open_failed` to the member. Never rejects. */
  open(member: UserMember, item: OpenItem): Promise<void>;
  openInbox(grants: Grants): SocketInbox;
}

/** The conversations on the socket of a user. */
export class UserConversations implements Conversations, MemberSet {
  readonly conversation = undefined;
  private readonly members = new Map<string, UserMember>();
  private readonly queued: UserMember[] = [];
  private readonly behind = new Set<UserMember>();
  private readonly pages = new PageTurns();
  private opening = 0;
  private grants: Grants = {};
  /** Undefined until the client asks for it. */
  private ownInbox: SocketInbox | undefined;

  constructor(
    private readonly connection: UserMemberConnection,
    private readonly lanes: LaneWriter,
    private readonly deps: UserConversationsDeps,
  ) {}

  check(decoded: DecodeResult): DecodeResult {
    const { frame } = decoded;
    const message = frame && explainUnnamedFrame(frame);
    if (frame === undefined || message === undefined) return decoded;
    const id = "id" in frame ? frame.id : undefined;
    return { error: { code: "invalid", message, ...(id !== undefined && { id }) } };
  }

  consider(frame: ClientFrame | undefined): UserRequestStep | undefined {
    if (frame === undefined || !isRequest(frame)) return undefined;
    return this.find(frame.conversation!).consider(frame);
  }

  carryOut(frame: ClientFrame | undefined, step: ConsideredStep): void {
    if (frame !== undefined && isRequest(frame) && "state" in step)
      this.member(frame.conversation!).carryOut(step);
  }

  openOrClose(frame: ClientFrameOf<"open" | "close">): void {
    if (frame.type === "close") {
      for (const conversation of frame.conversations) this.member(conversation).request({ type: "close" });
      return;
    }
    for (const one of frame.conversations)
      this.member(one.conversation).request({ type: "open", resume: resumeOf(one), id: frame.id });
  }

  inbox(frame: ClientFrameOf<"inbox">): void {
    this.ownInbox ??= this.deps.openInbox(this.grants);
    this.ownInbox.request(frame);
  }

  /** Only a socket of one conversation joins it when it is admitted. */
  opened(): void {}

  /** The rights of the token, when the connection is admitted and when the token was replaced. */
  renewed(grants: Grants): void {
    this.grants = grants;
    this.ownInbox?.renewed(grants);
    for (const member of [...this.members.values()])
      member.apply({ type: "rights_changed", refusals: refusalsOf(grants, member.conversation) });
  }

  /** Pages are counted by conversation: see `lanePagesLeft`. */
  pagesLeft(): void {}

  /** No frame of a page waits in this conversation any more. */
  lanePagesLeft(conversation: string): void {
    this.members.get(conversation)?.apply({ type: "page_left" });
  }

  relieve(unsent: number): number {
    const { maxUnsent } = this.deps;
    if (unsent <= maxUnsent) return unsent;
    const open = this.lanes
      .largestLanes()
      .filter(({ conversation }) => this.members.get(conversation)?.isInside === true);
    for (const conversation of conversationsBehind(open, unsent, maxUnsent))
      this.members.get(conversation)?.end(closeReason(1013));
    return this.lanes.unsent;
  }

  close(): void {
    for (const member of [...this.members.values()]) member.close();
    this.ownInbox?.close();
    this.queued.length = 0;
  }

  leave(replaced: boolean): void {
    for (const member of this.members.values()) member.leave(replaced);
    this.members.clear();
  }

  loadWithout(member: UserMember): Load {
    let open = 0;
    let reading = 0;
    for (const other of this.members.values()) {
      if (other === member) continue;
      if (other.countsAsOpen) open++;
      if (other.isReading) reading++;
    }
    return { isFull: open >= this.deps.maxOpen, isReading: reading >= MAX_READING };
  }

  queue(member: UserMember): void {
    this.queued.push(member);
    this.openNext();
  }

  join(member: UserMember, item: OpenItem): void {
    this.opening++;
    this.deps.open(member, item).then(() => {
      this.opening--;
      this.openNext();
    });
  }

  noteCatchingUp(member: UserMember, isBehind: boolean): void {
    const before = this.behind.size;
    if (isBehind) this.behind.add(member);
    else this.behind.delete(member);
    if (before === 0 && isBehind) this.connection.apply({ type: "catching_up" });
    if (before > 0 && this.behind.size === 0) this.connection.apply({ type: "caught_up" });
  }

  forget(member: UserMember): void {
    if (this.members.get(member.conversation) === member) this.members.delete(member.conversation);
  }

  pageTurn(): Promise<Disposable> {
    return this.pages.next();
  }

  private openNext(): void {
    while (this.opening < MAX_OPENING) {
      const next = this.queued.shift();
      if (next === undefined) return;
      next.apply({ type: "turn" });
    }
  }

  /** The member of a conversation, which is kept from now on until it is forgotten. */
  private member(conversation: string): UserMember {
    const member = this.find(conversation);
    this.members.set(conversation, member);
    return member;
  }

  private find(conversation: string): UserMember {
    const known = this.members.get(conversation);
    if (known !== undefined) return known;
    return new UserMember(this.connection, conversation, this, refusalsOf(this.grants, conversation));
  }
}

function refusalsOf(grants: Grants, conversation: string): Refusals {
  return {
    read: explainMissingRight(grants, conversation, "read"),
    write: explainMissingRight(grants, conversation, "write"),
  };
}

function resumeOf({ after, epoch, last, rev, oldest }: Opening): OpenItem["resume"] {
  return after === undefined && epoch === undefined && last === undefined
    ? undefined
    : { after, epoch, last, rev, oldest };
}
