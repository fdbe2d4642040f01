import type { EpochListener, Head, Listening, MessageListener } from "../../core/engine.ts";
import { RecencyMap } from "../../core/recency-map.ts";
import type { EngineLog } from "../engine-log.ts";
import type { Work } from "../work.ts";
import type { ChannelSubscription, Channels } from "./channels.ts";
import type { RedisClient } from "./client.ts";
import { RedisAway } from "./faults.ts";
import { messageOf, readAnnouncement } from "./messages.ts";
import { Room, type RoomStore } from "./room.ts";
import { type Known, type TurnResult, UNAVAILABLE } from "./work.ts";

export interface RoomsParts {
  readonly client: RedisClient;
  readonly channels: Channels;
  readonly log: EngineLog;
  readonly store: Pick<RoomStore, "head" | "read"> & {
    /** Reads the life of the store, where that may be another one now. MUST NOT reject. */
    refreshEpoch(): Promise<void>;
  };
}

interface OpenRoom {
  readonly room: Room;
  readonly opening: Promise<void>;
  subscription: ChannelSubscription | undefined;
}

/** Conversations whose newest `seq` is remembered, though nobody here listens to them. */
const REMEMBERED = 50_000;

/** Rooms that are looked at in one go after Redis was away. */
const CAUGHT_UP_AT_ONCE = 500;

/** How often it is asked how far a conversation reaches that loses messages meanwhile. */
const HEAD_TRIES = 3;

const UNKNOWN: Known = { seq: 0, at: 0, epoch: "", subscriptions: 0 };

/** The conversations that are listened to on this node, and how far those reach that were spoken in from here. */
export class Rooms {
  private readonly rooms = new Map<string, OpenRoom>();
  private readonly remembered = new RecencyMap<Pick<Known, "seq" | "at" | "epoch">>(REMEMBERED);
  private readonly epochWatchers = new Set<EpochListener>();
  private readonly roomStore: RoomStore;
  private turns = 0;
  /** Rooms that are still to be looked at in this round. */
  private toCheck: Room[] = [];
  private readonly stopWatching: () => void;

  constructor(private readonly parts: RoomsParts) {
    const { head, read } = parts.store;
    this.roomStore = {
      head,
      read,
      log: parts.log,
      ended: (room) => this.forget(room),
      changed: ({ conversation, told, epoch }) => {
        for (const watcher of this.epochWatchers) watcher(conversation, told, epoch);
      },
    };
    this.stopWatching = parts.client.watchReady((ready) => {
      if (!ready) for (const { room } of this.rooms.values()) room.suspect();
    });
  }

  watchEpoch(listener: EpochListener): () => void {
    this.epochWatchers.add(listener);
    return () => this.epochWatchers.delete(listener);
  }

  /** Begins to tell a conversation's messages. Rejects when Redis cannot be reached. */
  async listen(conversation: string, listener: MessageListener): Promise<Listening> {
    for (;;) {
      let open = this.rooms.get(conversation);
      if (open === undefined) {
        const room = new Room(conversation, this.roomStore);
        open = { room, opening: this.open(room), subscription: undefined };
        this.rooms.set(conversation, open);
      }
      if (!open.room.isOpen) await open.opening;
      // Whoever else waited for it may have come and gone meanwhile.
      if (this.rooms.get(conversation) === open) return open.room.add(listener);
    }
  }

  /**
   * How far a conversation reaches. Whoever listens to it here is told first of what it has lost, and of everything up to
   * there: a client that comes from another node may have seen what this one has still to hear of (D4).
   */
  async head(conversation: string): Promise<Head | undefined> {
    for (let tries = 0; tries < HEAD_TRIES; tries++) {
      const head = await this.roomStore.head(conversation, this.known(conversation));
      const room = this.rooms.get(conversation)?.room;
      if (head === undefined) return undefined;
      if (room?.isOpen) {
        if (room.epoch !== head.epoch) await room.check();
        else if (!(await room.reach(head.seq))) continue;
      }
      const { seq, first, epoch } = head;
      return { seq, first, epoch };
    }
    return undefined;
  }

  known(conversation: string): Known {
    const room = this.rooms.get(conversation)?.room;
    if (room?.isOpen) {
      return { ...room.known, subscriptions: this.parts.client.ready ? 1 : 0 };
    }
    const remembered = this.remembered.get(conversation);
    return remembered === undefined ? UNKNOWN : { ...remembered, subscriptions: 0 };
  }

  /** Takes note of a turn that is about to be carried out; answers its number. */
  begin(work: readonly Work[]): number {
    this.turns++;
    for (const { kind, request } of work)
      if (kind === "post") this.rooms.get(request.conversation)?.room.beginTurn(this.turns);
    return this.turns;
  }

  /** Announces what a turn stored, and answers all of its work, in order. */
  tell(turn: number, work: readonly Work[], { results, epochs }: TurnResult): void {
    for (const [conversation, epoch] of epochs) this.change(conversation, epoch, work, results);
    const uncertain = new Set<Room>();
    for (const [i, each] of work.entries()) {
      const result = results[i]!;
      const { conversation } = each.request;
      const room = this.rooms.get(conversation)?.room;
      const seq = "seq" in result ? result.seq : 0;
      if (room === undefined) {
        if ("seq" in result) this.remember(conversation, result);
        this.answer(each, result);
        continue;
      }
      // It may be stored though its answer was lost, and then nobody announces it.
      if (result.outcome === "unavailable") uncertain.add(room);
      room.deliver({
        seq,
        message:
          each.kind === "post" && result.outcome === "stored"
            ? messageOf(each.request, result.seq, result.at)
            : undefined,
        done: () => this.answer(each, result),
        refuse: () => this.answer(each, UNAVAILABLE),
      });
    }
    for (const { kind, request } of work)
      if (kind === "post") this.rooms.get(request.conversation)?.room.endTurn(turn);
    for (const room of uncertain) room.check();
  }

  /** Looks at `share` (0–1) of the rooms: whether the store has more than was announced, or less. */
  async check(share: number): Promise<void> {
    // In Cluster it lies apart from the conversations, and no call of theirs tells of it.
    if (this.parts.client.isCluster) await this.parts.store.refreshEpoch();
    if (this.toCheck.length === 0) this.toCheck = [...this.rooms.values()].map(({ room }) => room);
    const count = Math.ceil(this.rooms.size * share);
    await Promise.all(this.toCheck.splice(0, count).map((room) => room.check()));
  }

  /**
   * After Redis was away: tells everybody what was missed meanwhile, or that messages are lost. A room that cannot be looked
   * at now is looked at again by `check`.
   */
  async catchUp(): Promise<void> {
    await this.parts.store.refreshEpoch();
    const rooms = [...this.rooms.values()];
    for (let i = 0; i < rooms.length; i += CAUGHT_UP_AT_ONCE)
      await Promise.all(rooms.slice(i, i + CAUGHT_UP_AT_ONCE).map(({ room }) => room.catchUp()));
  }

  /** Ends all listening. */
  close(): void {
    this.stopWatching();
    for (const { room } of this.rooms.values()) room.end();
  }

  private async open(room: Room): Promise<void> {
    const { conversation } = room;
    try {
      const subscription = await this.parts.channels.open(conversation, {
        message: (payload) => room.hear(readAnnouncement(payload)),
      });
      const open = this.rooms.get(conversation);
      if (open?.room !== room) {
        subscription.close();
        throw new Error("closed");
      }
      open.subscription = subscription;
      // After the subscription, so that nothing falls between the two.
      const head = await this.roomStore.head(conversation, this.known(conversation));
      if (head === undefined) throw new RedisAway();
      room.open(head);
    } catch (error) {
      room.end();
      throw error;
    }
  }

  private forget(room: Room): void {
    const { conversation } = room;
    const open = this.rooms.get(conversation);
    if (open?.room !== room) return;
    this.rooms.delete(conversation);
    open.subscription?.close();
    if (room.isOpen) this.remembered.set(conversation, room.known);
  }

  private remember(conversation: string, { seq, at }: Pick<Known, "seq" | "at">): void {
    const known = this.remembered.get(conversation);
    if (known !== undefined && seq > known.seq) this.remembered.set(conversation, { ...known, seq, at });
  }

  /** A conversation has another epoch than this node knew, or is new to it. */
  private change(
    conversation: string,
    epoch: string,
    work: readonly Work[],
    results: TurnResult["results"],
  ): void {
    const room = this.rooms.get(conversation)?.room;
    if (room?.isOpen !== true) {
      this.remembered.set(conversation, { seq: 0, at: 0, epoch });
      return;
    }
    if (room.epoch === epoch) return;
    const first = results.find(
      ({ outcome }, i) => outcome === "stored" && work[i]!.request.conversation === conversation,
    );
    if (first !== undefined && "seq" in first) room.changeEpoch({ epoch, seq: first.seq - 1 });
    else room.check();
  }

  private answer({ done }: Work, result: TurnResult["results"][number]): void {
    try {
      (done as (answer: typeof result) => void)(result);
    } catch (error) {
      // The fault of one must not keep others, whose messages are stored, from being told.
      this.parts.log.error("engine.listener_failed", { error: String(error) });
    }
  }
}
