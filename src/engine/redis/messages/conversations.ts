import type { Entry } from "../../../core/conversation/entry.ts";
import { epochOf } from "../../../core/conversation/epoch.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import {
  type ConversationStore,
  type ConversationSummary,
  EpochChanged,
  type RetentionOverride,
} from "../../../core/ports/conversations.ts";
import { presentEntries } from "../changes/encoding.ts";
import { noteErasure } from "../changes/file-rewriter.ts";
import { bucketOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { type ConnectOptions, connect } from "../connection/connect.ts";
import type { ConversationPart } from "../connection/keys.ts";
import { Script } from "../connection/script.ts";
import { ControlStream } from "../control-stream.ts";
import { eventsKey } from "../feed/event-streams.ts";
import { decodeRecord } from "./message-encoding.ts";
import { allReadMarks } from "./read-marks.ts";
import { scanConversations } from "./scan-conversations.ts";

const REMOVE = new Script("messages/conversation-remove");
/** The keys of a conversation that are deleted when it is removed. */
const CONTENT: readonly ConversationPart[] = [
  ...(["log", "copy", "ids", "marks", "sent"] as const),
  ...(["members", "names", "muted", "banned", "gone"] as const),
  ...(["drafts", "cancelled"] as const),
  ...(["changes", "revs", "change-ids", "rounds", "blank", "blanking", "blanked"] as const),
];

/** The keys that have limits, or expire by them. */
const LASTING = ["meta", "log", "ids", "changes", "revs", "change-ids", "rounds"] as const;

const RETAIN = new Script("messages/conversation-retain");

/** The number of messages that an export reads at once: Redis serves no other client during a read. */
const PAGE_SIZE = 500;

/** Opens the conversations for a command. Servers may run on the same Redis. */
export async function openRedisConversations(options: ConnectOptions): Promise<RedisConversations> {
  const client = await connect(options);
  return new RedisConversations(client, new ControlStream(client, options.clock, options.emit));
}

/** The conversations on Redis, for commands. */
export class RedisConversations implements ConversationStore {
  constructor(
    private readonly client: RedisClient,
    private readonly control: Pick<ControlStream, "append">,
    /** A manual clock, for tests. Without it, the time of Redis is used. */
    private readonly time?: Clock,
  ) {}

  async list(): Promise<ConversationSummary[]> {
    const found = new Map<string, ConversationSummary>();
    for await (const ids of scanConversations(this.client, "meta")) {
      const summaries = await Promise.all(ids.map((id) => this.find(id)));
      for (const summary of summaries) if (summary !== undefined) found.set(summary.id, summary);
    }
    return [...found.values()].sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  async find(id: string): Promise<ConversationSummary | undefined> {
    const { commands, keys } = this.client;
    const log = keys.conversationKey(id, "log");
    const [meta, [oldest], [newest]] = await Promise.all([
      commands.hmget(keys.conversationKey(id, "meta"), "seq", "messages", "days", "removed_seq", "facts"),
      commands.xrange(log, "-", "+", "COUNT", 1),
      commands.xrevrange(log, "+", "-", "COUNT", 1),
    ]);
    const [seq = null, messages = null, days = null, removed = null, facts = null] = meta;
    if (facts === null && (seq === null || seq === removed)) return undefined;
    const keep = { messages: numberOf(messages), days: numberOf(days) };
    const first = oldest === undefined ? Number(seq) + 1 : seqOf(oldest[0]);
    return {
      id,
      // A message may have been stored between the commands.
      seq: newest === undefined ? Number(seq) : Math.max(Number(seq), seqOf(newest[0])),
      first,
      lastAt: newest === undefined ? undefined : decodeStreamValue(newest).at,
      keep,
    };
  }

  readMarks(id: string): Promise<ReadonlyMap<string, number>> {
    return allReadMarks(this.client, id);
  }

  async *entries(id: string): AsyncGenerator<Entry> {
    const log = this.client.keys.conversationKey(id, "log");
    const epoch = await this.epochOf(id);
    for (let from = "-"; ; ) {
      const values = await this.client.commands.xrange(log, from, "+", "COUNT", PAGE_SIZE);
      const entries = await presentEntries(this.client, id, values.map(decodeStreamValue));
      // Looked at after the page: what is read of a removed conversation is empty, or of the next one of its name.
      if ((await this.epochOf(id)) !== epoch) throw new EpochChanged(id);
      yield* entries;
      if (values.length < PAGE_SIZE) return;
      from = `(${values.at(-1)![0]}`;
    }
  }

  private async epochOf(id: string): Promise<string> {
    const { commands, keys } = this.client;
    const [life, removals] = await commands.hmget(keys.conversationKey(id, "meta"), "epoch", "removals");
    return epochOf(life ?? (await commands.get(keys.globalKey("epoch"))) ?? "", Number(removals ?? 0));
  }

  async remove(id: string): Promise<boolean> {
    const { keys, isCluster } = this.client;
    const watched = isCluster ? keys.bucketKey(bucketOf(id), "watched") : keys.globalKey("watched");
    const all = [keys.conversationKey(id, "meta"), keys.channelOf(id), eventsKey(this.client, id), watched];
    for (const what of CONTENT) all.push(keys.conversationKey(id, what));
    const announce = this.client.isSharded ? "SPUBLISH" : "PUBLISH";
    const epoch = await this.client.commands.get(keys.globalKey("epoch"));
    const existed =
      (await this.client.run(REMOVE, all, [announce, this.time?.now() ?? "", epoch ?? ""])) === 1;
    if (existed) {
      await this.control.append({ conversation: id, change: "removed" });
      await noteErasure(this.client, this.time?.now() ?? Date.now());
    }
    return existed;
  }

  async retain(id: string, { messages, days }: RetentionOverride): Promise<boolean> {
    const { keys } = this.client;
    const own = LASTING.map((what) => keys.conversationKey(id, what));
    const exists = (await this.client.run(RETAIN, own, [messages ?? "", days ?? ""])) === 1;
    if (exists) await this.control.append({ conversation: id, change: "limits" });
    return exists;
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

/** An entry of the stream has the message's name, by which repeats are found, the time, and the record (lua/messages/conversation.lua). */
function decodeStreamValue([id, [, , , at, , record]]: [string, string[]]): Entry {
  return decodeRecord(record!, seqOf(id), Number(at));
}

function seqOf(entry: string): number {
  return Number.parseInt(entry, 10);
}

function numberOf(text: string | null): number | null {
  return text === null ? null : Number(text);
}
