import type { MemberPolicy } from "../../core/members/policy.ts";
import type { ConversationNews, ConversationView } from "../../core/members/records.ts";
import { closeForRefusal, type MemberRefusal } from "../../core/members/refusals.ts";
import { typingHiddenFor } from "../../core/members/speech.ts";
import { accessOf, refuseReading } from "../../core/members/standing.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { Streams } from "../../core/ports/conversation/streams.ts";
import type { CloseReason } from "../../core/session/close-reason.ts";
import { writersRefusedBy } from "../../core/streams/writing.ts";
import type { Hub } from "../socket/conversation/hub.ts";

/** A user on a socket. */
export interface Reader {
  readonly conversation: string;
  readonly user: string;
  /** Whether its token has the right `manage` for the conversation. */
  readonly manages: boolean;
}

export interface MemberGateDeps {
  readonly members: MemberStore;
  readonly memberPolicy: MemberPolicy;
  readonly hub: Hub;
  readonly clock: Pick<Clock, "now">;
  readonly streams: Pick<Streams, "refuse">;
  /** Called with errors that are not the store's. */
  readonly onError: (error: unknown) => void;
}

/** Changes of so many conversations are remembered, for sockets that are being opened. */
const MAX_REMEMBERED = 1_000;

/**
 * Keeps users out of conversations that they may not read: when they open one, and when that changes while it is open (MB2).
 * Also sends the changes to the sockets that have the conversation open.
 */
export class MemberGate {
  /** By conversation, the number of its last change. */
  private readonly changed = new Map<string, number>();
  private changes = 0;
  /** The work on the changes of a conversation, which is done in their order. */
  private readonly working = new Map<string, Promise<void>>();
  private readonly stopWatching: () => void;

  constructor(private readonly deps: MemberGateDeps) {
    this.stopWatching = deps.members.watch(
      (conversation, news) => this.onNews(conversation, news),
      () => this.recheckAll(),
    );
  }

  /** Returns the conversation for a user who opens it, or why it may not. `entered` MUST be called with `stamp` afterwards. */
  async admit(
    reader: Reader,
  ): Promise<
    { readonly refusal: CloseReason } | { readonly view: ConversationView; readonly stamp: number }
  > {
    const stamp = this.changes;
    const view = await this.deps.members.read(reader.conversation, [reader.user]);
    const refusal = this.refusalIn(view, reader);
    if (refusal !== undefined) return { refusal: closeForRefusal(refusal) };
    if (view.standings.get(reader.user)?.unopened === true)
      await this.deps.members.markOpened(reader.conversation, reader.user);
    return { view, stamp };
  }

  /** A member is in its room, after `admit`. Checks again where the conversation was changed meanwhile. */
  entered(conversation: string, stamp: number): void {
    if ((this.changed.get(conversation) ?? 0) > stamp) this.enqueue(conversation, []);
  }

  /** Returns why a user may not read a conversation that is not open; undefined if it may. */
  async refusalOf(reader: Reader): Promise<MemberRefusal | undefined> {
    return this.refusalIn(await this.deps.members.read(reader.conversation, [reader.user]), reader);
  }

  stop(): void {
    this.stopWatching();
  }

  private refusalIn(
    view: ConversationView,
    { conversation, user, manages }: Reader,
  ): MemberRefusal | undefined {
    const actor = { kind: "user", name: user, manages } as const;
    return refuseReading({ conversation, view, actor, policy: this.deps.memberPolicy });
  }

  private onNews(conversation: string, news: readonly ConversationNews[]): void {
    this.changes++;
    this.changed.delete(conversation);
    this.changed.set(conversation, this.changes);
    if (this.changed.size > MAX_REMEMBERED) this.changed.delete(this.changed.keys().next().value!);
    for (const user of writersRefusedBy(news))
      this.deps.streams.refuse(user, conversation).catch(this.deps.onError);
    if (this.deps.hub.find(conversation) !== undefined) this.enqueue(conversation, news);
  }

  private enqueue(conversation: string, news: readonly ConversationNews[]): void {
    const work = (this.working.get(conversation) ?? Promise.resolve())
      .then(() => this.handle(conversation, news))
      .catch((error) => this.deps.onError(error))
      .finally(() => {
        if (this.working.get(conversation) === work) this.working.delete(conversation);
      });
    this.working.set(conversation, work);
  }

  /** Ends the sockets of users who may not read any more, then notifies the others. */
  private async handle(conversation: string, news: readonly ConversationNews[]): Promise<void> {
    const { hub, members } = this.deps;
    const isForAll = news.length === 0 || news.some(({ type }) => type === "conversation");
    const named = news.flatMap((one) => (one.type === "member" && one.spoke !== true ? [one.user] : []));
    const present = hub.find(conversation)?.users() ?? [];
    const users = isForAll ? present : [...new Set(named)].filter((user) => present.includes(user));
    if (users.length > 0) {
      const view = await members.read(conversation, users);
      for (const user of users) this.expelIfRefused(view, conversation, user);
    }
    for (const one of news) {
      if (one.type === "member" && one.spoke === true) continue;
      hub.find(conversation)?.publishEvent(JSON.stringify(one));
    }
  }

  private expelIfRefused(view: ConversationView, conversation: string, user: string): void {
    const { hub } = this.deps;
    for (const member of hub.find(conversation)?.membersOf(user) ?? []) member.standingChanged();
    // Sockets whose tokens have `manage` are exempt; the hub knows which those are.
    hub.hideTyping(conversation, user, typingHiddenFor(view, user, false));
    for (const manages of [false, true]) {
      const refusal = this.refusalIn(view, { conversation, user, manages });
      if (refusal !== undefined) this.expel(conversation, user, manages, closeForRefusal(refusal));
    }
  }

  /**
   * Ends the memberships of a user who may not read the conversation any more; `manages`: those whose tokens have the right
   * `manage`, or those without. The user is not present any more, also not for the grace (MB2).
   */
  private expel(conversation: string, user: string, manages: boolean, ending: CloseReason): void {
    const { hub, clock } = this.deps;
    const room = hub.find(conversation);
    const members = room?.membersOf(user).filter((member) => member.manages === manages) ?? [];
    if (room === undefined || members.length === 0) return;
    for (const member of members) {
      room.remove(member);
      member.end(ending);
    }
    if (room.membersOf(user).length === 0) {
      room.setTyping(user, false, clock.now());
      room.present.local.expel(user, clock.now());
    } else for (const _ of members) room.present.local.leave(user, clock.now());
    hub.membersRemoved(room);
  }

  /** Changes may have been missed: checks all users of all open conversations. Rejects when the store cannot be read. */
  private async recheckAll(): Promise<void> {
    const { hub, members } = this.deps;
    for (const conversation of hub.openConversations()) {
      const users = hub.find(conversation)?.users() ?? [];
      const view = await members.read(conversation, users);
      hub.find(conversation)?.showAllTyping();
      if (accessOf(view) === "anyone" && view.standings.size === 0 && view.exists) continue;
      for (const user of users) this.expelIfRefused(view, conversation, user);
    }
  }
}
