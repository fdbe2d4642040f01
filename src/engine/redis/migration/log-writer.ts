import type { CarriedMessage } from "../../../core/migration/records.ts";
import { ERASED_USER } from "../../../core/person/erased-user.ts";
import { slicesOf } from "../connection/buckets.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { dedupeKey, encodeRecord } from "../messages/message-encoding.ts";
import { CallsUnderWay } from "./calls-under-way.ts";

const APPEND = new Script("migration/append");

/**
 * The most messages and units of text of one call: Redis serves no other client during it, some 50 ms. With calls of 1,000
 * messages a move takes longer (docs/decisions/0050-migrate.md).
 */
const MAX_MESSAGES = 4_000;
const MAX_TEXT_UNITS = 1024 * 1024;
/** On one Redis calls are carried out in their order, so one may be prepared while Redis carries out another. */
const CALLS_UNDER_WAY = 3;

/** The fields of an entry of a log. */
export interface LogFields {
  readonly name: string;
  readonly record: string;
}

/** Returns the fields of a message, without its time. One of an erased person has no name by which it is found (lua/changes/blank.lua). */
export function logFields({ from, id, kind, seq, body }: CarriedMessage): LogFields {
  return {
    name: from === ERASED_USER ? `${ERASED_USER} ${seq}` : dedupeKey(from, id),
    record: encodeRecord({ kind, user: from, id, body }),
  };
}

/** Appends messages of a migration to the logs of their conversations. */
export class LogWriter {
  private readonly calls = new CallsUnderWay(CALLS_UNDER_WAY);
  private isPrepared = false;

  constructor(private readonly client: RedisClient) {}

  /** Appends messages. Resolves when more may be given. */
  async append(messages: readonly CarriedMessage[]): Promise<void> {
    for (const slice of slicesOfSize(messages)) {
      const groups = [...Map.groupBy(slice, ({ conversation }) => conversation)];
      if (this.client.isCluster) {
        // Calls of one conversation must not overtake one another, as they could after its slot has moved.
        const names = groups.map(([conversation]) => conversation);
        const byBucket = slicesOf(names, names.length, true);
        await Promise.all(byBucket.map((indexes) => this.send(indexes.map((i) => groups[i]!))));
      } else {
        const call = this.send(groups);
        // A call that finds its script missing is sent again, after others that were sent meanwhile.
        if (!this.isPrepared) await call;
        this.isPrepared = true;
        await this.calls.add(call);
      }
    }
  }

  /** Resolves when all messages are written. */
  async flush(): Promise<void> {
    await this.calls.drain();
  }

  private send(groups: readonly (readonly [string, readonly CarriedMessage[]])[]): Promise<unknown> {
    const { keys } = this.client;
    const names: string[] = [];
    const values: (string | number)[] = [];
    for (const [conversation, messages] of groups) {
      names.push(keys.conversationKey(conversation, "log"), keys.conversationKey(conversation, "ids"));
      values.push(messages.length);
      for (const message of messages) {
        const { name, record } = logFields(message);
        values.push(message.seq, message.at, name, record);
      }
    }
    return this.client.run(APPEND, names, values);
  }
}

function* slicesOfSize(messages: readonly CarriedMessage[]): Generator<readonly CarriedMessage[]> {
  let from = 0;
  let units = 0;
  for (const [i, { body }] of messages.entries()) {
    if (i - from >= MAX_MESSAGES || units >= MAX_TEXT_UNITS) {
      yield messages.slice(from, i);
      from = i;
      units = 0;
    }
    units += body.length;
  }
  if (from < messages.length) yield messages.slice(from);
}
