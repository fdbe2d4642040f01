import type { Entry } from "../../../core/conversation/entry.ts";
import { MAX_HISTORY_BYTES } from "../../../core/conversation/history.ts";
import type { Emit } from "../../../core/events/events.ts";
import type { Fold } from "../changes/change-queue.ts";
import { decodeRev } from "../changes/encoding.ts";
import { readMissed } from "../changes/missed.ts";
import type { RedisClient } from "../connection/client.ts";
import { ensureStoreEpoch, newEpoch } from "../connection/epoch.ts";
import { Script } from "../connection/script.ts";
import { eventsKey } from "../feed/event-streams.ts";
import { type KnownHead, knownEpoch } from "./batch.ts";
import type { FeedHead } from "./feed-store.ts";
import { decodeList } from "./message-encoding.ts";

/** The largest number of entries that one read for a feed returns. */
const FILL_PAGE_SIZE = 200;

/** Reads conversations. Logs errors of Redis, and then resolves with undefined. */
export class MessageReader {
  private readonly headScript = new Script("messages/head");
  private readonly pageScript = new Script("messages/page");
  /** The epoch of the store, as it was when it was read last. */
  private epoch = "";

  constructor(
    private readonly client: RedisClient,
    private readonly emit: Emit,
  ) {}

  /** The epoch of the store. In Cluster it is in another slot than the conversations, so the node sends it to their scripts. */
  get storeEpoch(): string {
    return this.epoch;
  }

  /** Reads the epoch of the store. If there is none, because the store is empty, begins one. */
  async refreshEpoch(): Promise<void> {
    try {
      this.epoch = (await ensureStoreEpoch(this.client)) ?? this.epoch;
    } catch (error) {
      this.logReadError(error);
    }
  }

  /** Reads the head of a conversation. If the store is behind `known`, the conversation begins a new epoch. */
  readonly head = async (
    conversation: string,
    known: Pick<KnownHead, "seq" | "at" | "epoch" | "rev">,
  ): Promise<FeedHead | undefined> => {
    const { keys, isCluster } = this.client;
    const names = [keys.conversationKey(conversation, "meta"), keys.conversationKey(conversation, "log")];
    names.push(eventsKey(this.client, conversation));
    if (!isCluster) names.push(keys.globalKey("epoch"));
    const values = [newEpoch(), known.seq, known.at, knownEpoch(known), this.epoch];
    try {
      const reply = await this.client.run(this.headScript, names, values);
      const [seq, at, first, epoch, , text] = reply as [number, number, number, string, string, string];
      const { rev, at: revAt } = decodeRev(text);
      return { seq, at, first, epoch, rev, revAt };
    } catch (error) {
      this.logReadError(error);
      return undefined;
    }
  };

  /** Reads the oldest `count` kept entries with first ≤ seq ≤ last, as many as MAX_HISTORY_BYTES allows, but at least one. */
  async page(
    conversation: string,
    first: number,
    last: number,
    count: number,
  ): Promise<readonly Entry[] | undefined> {
    if (first > last) return [];
    const name = this.client.keys.conversationName(conversation);
    try {
      const reply = await this.client.run(
        this.pageScript,
        [`${name}:log`, `${name}:meta`, `${name}:changes`],
        [first, last, count, MAX_HISTORY_BYTES],
      );
      return decodeList(String(reply));
    } catch (error) {
      this.logReadError(error);
      return undefined;
    }
  }

  /** Reads some of the messages that were changed after the change `after`, for a feed that lacks changes. */
  readonly changes = async (conversation: string, after: number): Promise<Fold | undefined> => {
    const plan = { after, first: 1, last: Number.MAX_SAFE_INTEGER, count: FILL_PAGE_SIZE };
    try {
      const { changed, more, rev, seq } = await readMissed(
        this.client,
        conversation,
        plan,
        MAX_HISTORY_BYTES,
      );
      const last = changed.at(-1);
      const upTo = more && last !== undefined ? { rev: last.rev, at: last.changedAt } : rev;
      return { changed, rev: upTo, after: seq };
    } catch (error) {
      this.logReadError(error);
      return undefined;
    }
  };

  /** Reads some of the oldest entries with first ≤ seq ≤ last, for a feed that lacks them. */
  readonly read = (conversation: string, first: number, last: number) =>
    this.page(conversation, first, last, FILL_PAGE_SIZE);

  /** Does not log while Redis is unavailable: the client has logged that once, and hundreds of reads may fail. */
  private logReadError(error: unknown): void {
    if (this.client.ready) this.emit("store.read_failed", { error: String(error) });
  }
}
