import { LruMap } from "../../core/collections/lru-map.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { StreamEvent, StreamName, Streams } from "../../core/ports/conversation/streams.ts";
import type { Room } from "../socket/conversation/room.ts";
import { streamKey } from "./stream-key.ts";

/** A stream keeps a user awake at most this often, in milliseconds. Inactivity is measured in minutes. */
const AWAKE_INTERVAL_MS = 1_000;

/** Streams of which a node remembers the message that they answer. */
const MAX_ANSWERS = 10_000;

/** A stream that answers a message. */
interface Answer {
  readonly replyTo: number;
  /** The user whose message it is; undefined until it was read, or where it is not kept. */
  asker: string | undefined;
  isRead: boolean;
  awakeAt: number;
}

export interface StreamAskersDeps {
  readonly streams: Pick<Streams, "watch">;
  readonly clock: Pick<Clock, "now">;
  /** The room of a conversation that is open on this node. */
  readonly find: (conversation: string) => Room | undefined;
  /** Reads who has sent a message. */
  readonly senderOf: (conversation: string, seq: number) => Promise<string | undefined>;
  readonly onError: (error: unknown) => void;
}

/**
 * Keeps awake the users whose messages are answered by streams that are still coming (ST6): who waits for an answer sends nothing.
 * A node that was started after a stream does not know what it answers.
 */
export class StreamAskers {
  private readonly answers = new LruMap<Answer>(MAX_ANSWERS);
  private readonly stopWatching: () => void;

  constructor(private readonly deps: StreamAskersDeps) {
    this.stopWatching = deps.streams.watch((event) => this.onEvent(event));
  }

  stop(): void {
    this.stopWatching();
  }

  private onEvent(event: StreamEvent): void {
    switch (event.type) {
      case "draft": {
        const { replyTo } = event.draft;
        if (replyTo === undefined) break;
        const key = streamKey(event.draft);
        if (this.answers.get(key) === undefined)
          this.answers.set(key, {
            ...{ replyTo, asker: undefined, isRead: false, awakeAt: Number.NEGATIVE_INFINITY },
          });
        this.keepAwake(event.draft);
        break;
      }
      case "append":
        this.keepAwake(event);
        break;
      case "ended":
        this.answers.delete(streamKey(event));
        break;
      case "cancel":
        break;
      default:
        event satisfies never;
    }
  }

  private keepAwake(name: StreamName): void {
    const answer = this.answers.get(streamKey(name));
    if (answer === undefined) return;
    const now = this.deps.clock.now();
    if (now < answer.awakeAt + AWAKE_INTERVAL_MS || this.deps.find(name.conversation) === undefined) return;
    answer.awakeAt = now;
    if (answer.isRead) this.keepAskerAwake(name, answer);
    else this.readAsker(name, answer).catch(this.deps.onError);
  }

  private async readAsker(name: StreamName, answer: Answer): Promise<void> {
    answer.asker = await this.deps.senderOf(name.conversation, answer.replyTo);
    answer.isRead = true;
    this.keepAskerAwake(name, answer);
  }

  private keepAskerAwake({ conversation }: StreamName, { asker }: Answer): void {
    if (asker === undefined) return;
    for (const member of this.deps.find(conversation)?.membersOf(asker) ?? []) member.keepAwake();
  }
}
