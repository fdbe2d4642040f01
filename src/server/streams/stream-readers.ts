import { type Entry, endingOf } from "../../core/conversation/entry.ts";
import { nameConversation } from "../../core/conversation/named-frame.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { DraftText, StreamEvent, StreamName, Streams } from "../../core/ports/conversation/streams.ts";
import { READER_INTERVAL_MS, type ReaderPosition, type StreamView } from "../../core/streams/view.ts";
import type { Room } from "../socket/conversation/room.ts";
import type { RoomMember } from "../socket/conversation/room-member.ts";
import { OpenStreams } from "./open-streams.ts";
import { streamKey } from "./stream-key.ts";

/** How long a handle is known to have ended, in milliseconds: longer than an answer of the store may be on its way. */
const ENDED_TTL_MS = 60_000;

/** After how many ticks a draft with a gap is read from the store again: the writer's node stores each 100 ms. */
const TICKS_TO_REFRESH = 4;

export interface StreamReadersDeps {
  readonly streams: Pick<Streams, "drafts" | "watch">;
  readonly clock: Clock;
  /** The room of a conversation that is open on this node. */
  readonly find: (conversation: string) => Room | undefined;
  readonly onError: (error: unknown) => void;
}

/** Sends the readers on this node what is new of drafts, and to each no faster than it reads (ST1, ST5). */
export class StreamReaders {
  /** Rooms with open drafts. */
  private readonly active = new Set<Room>();
  /** Rooms whose drafts are being read from the store. */
  private readonly loading = new Map<Room, Promise<void>>();
  /** When streams ended that ended lately, by conversation and handle. */
  private readonly ended = new Map<string, number>();
  private stopTicking: (() => void) | undefined;
  private ticks = 0;
  private readonly stopWatching: () => void;

  constructor(private readonly deps: StreamReadersDeps) {
    this.stopWatching = deps.streams.watch((event) => this.onEvent(event));
  }

  stop(): void {
    this.stopWatching();
    this.stopTicking?.();
  }

  /** Learns of the open drafts of a conversation that a reader is about to open. Rejects when the store cannot be read. */
  async load(conversation: string): Promise<void> {
    const room = this.deps.find(conversation);
    if (room === undefined || room.drafts?.isComplete) return;
    let loaded = this.loading.get(room);
    if (loaded === undefined) {
      loaded = this.read(room).finally(() => this.loading.delete(room));
      this.loading.set(room, loaded);
    }
    await loaded;
  }

  private async read(room: Room): Promise<void> {
    await this.refresh(room);
    room.ensureDrafts().isComplete = true;
  }

  /** A reader is in its room. It MUST get nothing of the drafts before `serve`. */
  entered(conversation: string, member: RoomMember): void {
    const room = this.deps.find(conversation);
    if (room === undefined || !member.readsStreams) return;
    // Something happened to drafts since `load`, when no other reader was there.
    if (!room.drafts?.isComplete) this.load(conversation).catch(this.deps.onError);
    for (const [stream] of room.streams?.views() ?? []) room.streams!.setLate(member, stream, "snapshot");
  }

  /** Sends a reader what it lacks, as far as its line takes it now: one frame. The rest follows by itself. */
  serve(conversation: string, member: RoomMember): void {
    const room = this.deps.find(conversation);
    if (room?.streams !== undefined) this.serveLate(room, room.streams, member);
  }

  /**
   * A message was sent to the members of its room. Also where no draft is shown in it: the drafts of the room may be on their way
   * from the store, or from another node, as they were before.
   */
  messageSent(room: Room, { body }: Entry): void {
    const stream = endingOf(body)?.stream;
    if (stream !== undefined) this.drop(room, stream);
  }

  private onEvent(event: StreamEvent): void {
    if (event.type === "ended") this.rememberEnd(event);
    const conversation = event.type === "draft" ? event.draft.conversation : event.conversation;
    const room = this.deps.find(conversation);
    if (room === undefined) return;
    if (!this.isRead(room)) {
      this.forget(room);
      return;
    }
    switch (event.type) {
      case "draft":
        this.show(room, event.draft);
        break;
      case "append":
        if (room.streams?.append(event) === true || this.hasEnded(event)) break;
        room.ensureDrafts().isComplete = false;
        this.load(conversation).catch(this.deps.onError);
        break;
      case "ended":
        this.drop(room, event.stream);
        break;
      case "cancel":
        break;
      default:
        event satisfies never;
    }
  }

  /** Whether a member of a room reads drafts, or is about to. */
  private isRead(room: Room): boolean {
    return (room.drafts?.readers ?? 0) > 0 || this.loading.has(room);
  }

  /** Nobody reads the drafts of a room: the next reader has them read from the store. */
  private forget(room: Room): void {
    room.drafts = undefined;
    this.active.delete(room);
  }

  private show(room: Room, draft: DraftText): void {
    if (this.hasEnded(draft)) return;
    const view = this.openIn(room).show(draft);
    if (view !== undefined) this.introduce(room, draft.stream, view);
  }

  /** Reads the drafts of a room from the store. What ends meanwhile is not shown, though it may be in the answer. */
  private async refresh(room: Room): Promise<void> {
    for (const draft of await this.deps.streams.drafts(room.conversation)) {
      if (this.hasEnded(draft)) continue;
      const view = this.openIn(room).refresh(draft);
      if (view !== undefined) this.introduce(room, draft.stream, view);
    }
  }

  private openIn(room: Room): OpenStreams {
    const drafts = room.ensureDrafts();
    drafts.streams ??= new OpenStreams();
    this.active.add(room);
    this.stopTicking ??= this.deps.clock.every(READER_INTERVAL_MS, () => this.tick());
    return drafts.streams;
  }

  /** Shows a draft that is new on this node. Its readers leave the topics: what is published has no order with other frames. */
  private introduce(room: Room, stream: string, view: StreamView): void {
    const readers = room.members().filter((member) => member.readsStreams);
    room.leaveTopics(readers);
    this.send(room, stream, view, readers, undefined);
  }

  private tick(): void {
    this.ticks++;
    for (const room of this.active) {
      const { streams } = room;
      if (streams === undefined || this.deps.find(room.conversation) !== room) {
        this.active.delete(room);
        continue;
      }
      if (!this.isRead(room)) {
        this.forget(room);
        continue;
      }
      if (this.ticks % TICKS_TO_REFRESH === 0 && streams.hasGap) this.reload(room);
      this.sendNews(room, streams);
      for (const member of streams.lateReaders()) this.serveLate(room, streams, member);
    }
    if (this.active.size > 0) return;
    this.stopTicking?.();
    this.stopTicking = undefined;
  }

  private reload(room: Room): void {
    this.refresh(room).catch(this.deps.onError);
  }

  private sendNews(room: Room, open: OpenStreams): void {
    let readers: RoomMember[] | undefined;
    for (const [stream, view] of open.views()) {
      if (!view.hasNews) continue;
      const before = view.shown;
      view.advance();
      readers ??= room.members().filter((member) => member.readsStreams);
      this.send(room, stream, view, readers, before);
    }
  }

  /** Takes readers from a position to the common one; those that cannot take a frame now become late. */
  private send(
    room: Room,
    stream: string,
    view: StreamView,
    readers: readonly RoomMember[],
    before: ReaderPosition | undefined,
  ): void {
    const open = room.streams!;
    const frame = view.frameFrom(before);
    if (frame === undefined) return;
    const plain = JSON.stringify(frame);
    let named: string | undefined;
    for (const member of readers) {
      if (open.isLate(member, stream)) continue;
      if (!member.canTakeStreams) open.setLate(member, stream, before ?? "snapshot");
      else if (frame.type === "stream") member.feed([plain]);
      else if (member.isNamed) {
        named ??= nameConversation(plain, room.conversation);
        member.deliver(named);
      } else member.deliver(plain);
    }
  }

  private serveLate(room: Room, open: OpenStreams, member: RoomMember): void {
    if (!member.canTakeStreams) return;
    const late = open.takeLate(member);
    const frame = late?.view.frameFrom(late.position === "snapshot" ? undefined : late.position);
    if (frame === undefined) return;
    const plain = JSON.stringify(frame);
    if (frame.type === "stream") member.feed([plain]);
    else member.deliver(member.isNamed ? nameConversation(plain, room.conversation) : plain);
  }

  private drop(room: Room, stream: string): void {
    this.rememberEnd({ conversation: room.conversation, stream });
    const { drafts } = room;
    if (drafts?.streams === undefined || !drafts.streams.drop(stream) || !drafts.streams.isEmpty) return;
    drafts.streams = undefined;
    this.active.delete(room);
  }

  private rememberEnd(name: StreamName): void {
    const now = this.deps.clock.now();
    for (const [known, at] of this.ended) {
      if (now < at + ENDED_TTL_MS) break;
      this.ended.delete(known);
    }
    this.ended.set(streamKey(name), now);
  }

  private hasEnded(name: StreamName): boolean {
    return this.ended.has(streamKey(name));
  }
}
