import type { ChangedEntry, FoldPlan } from "../../../core/changes/fold.ts";
import type { RedisClient } from "../connection/client.ts";
import { Script } from "../connection/script.ts";
import { decodeList } from "../messages/message-encoding.ts";
import { decodeRev, type Rev } from "./encoding.ts";
import { decodeOwn } from "./scene.ts";

const MISSED = new Script("changes/missed");

/** The number of values that the script replies for each message. */
const REPLY_LENGTH = 4;

/** Messages that were changed, as they are now. */
export interface MissedReply {
  readonly changed: readonly ChangedEntry[];
  /** Whether there are more. */
  readonly more: boolean;
  /** The newest change of the conversation, and its newest message. */
  readonly rev: Rev;
  readonly seq: number;
}

/** Reads the messages of a plan, of at most `budget` bytes, in the order of their newest change; with the reactions of `user`. */
export async function readMissed(
  client: RedisClient,
  conversation: string,
  { after, first, last, count }: FoldPlan,
  budget: number,
  user = "",
): Promise<MissedReply> {
  const name = client.keys.conversationName(conversation);
  const names = [`${name}:meta`, `${name}:log`, `${name}:changes`, `${name}:revs`];
  const reply = await client.run(MISSED, names, [after, first, last, count, budget, user]);
  const [rev, seq, , more, values] = reply as [string, number, string, number, readonly string[]];
  const changed: ChangedEntry[] = [];
  for (let i = 0; i < values.length; i += REPLY_LENGTH) {
    const [ofEntry, changedAt, own, line] = values.slice(i, i + REPLY_LENGTH) as [
      string,
      string,
      string,
      string,
    ];
    const mine = decodeOwn(own);
    changed.push({
      entry: decodeList(line)[0]!,
      rev: Number(ofEntry),
      changedAt: Number(changedAt),
      ...(mine.length > 0 && { mine }),
    });
  }
  return { changed, more: more === 1, rev: decodeRev(rev), seq };
}
