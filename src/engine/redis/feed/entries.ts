import { createHash } from "node:crypto";
import type { FeedEvent, NewFeedEvent } from "../../../core/feed/feed-event.ts";

/** What an entry of a stream of events has (lua/feed/entries.lua). */
export interface FeedEntry {
  readonly events: readonly FeedEvent[];
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
  /** Messages between these times were lost. */
  readonly lost?: { readonly since: number; readonly until: number };
}

/**
 * Reads an entry. The ids of events that a script may write again, because another one was aborted, are made of what they are about
 * and not of the entry, so that they are the same then.
 */
export function decodeEntry(stream: number, entry: string, value: string): FeedEntry {
  const kind = value.charAt(0);
  if (kind === "m") return decodeMessages(value.split(" "));
  const [, first = "", second = ""] = value.split(" ", 3);
  const at = Number(first);
  if (kind === "l") {
    const until = Number(second);
    return { events: [], at: until, lost: { since: at, until } };
  }
  const isKeyed = kind === "d";
  const key = isKeyed ? second : `${stream} ${entry}`;
  const start = kind.length + 2 + first.length + (isKeyed ? second.length + 1 : 0);
  const events = JSON.parse(value.slice(start)) as NewFeedEvent[];
  return { events: events.map((event, i) => ({ at, ...event, id: idOf(`${key} ${i}`) }) as FeedEvent), at };
}

function decodeMessages(words: readonly string[]): FeedEntry {
  const at = Number(words[1]);
  const events: FeedEvent[] = [];
  for (let i = 2; i + 2 < words.length; i += 3) {
    const conversation = words[i]!;
    const last = Number(words[i + 1]);
    const count = words[i + 2]!;
    const isFirst = count.startsWith("c");
    const first = last - Number(isFirst ? count.slice(1) : count) + 1;
    if (isFirst)
      events.push({
        id: idOf(`created ${conversation} ${first} ${at}`),
        type: "conversation.created",
        at,
        conversation,
      });
    for (let seq = first; seq <= last; seq++)
      events.push({
        id: idOf(`${conversation} ${seq} ${at}`),
        type: "message.created",
        at,
        conversation,
        seq,
      });
  }
  return { events, at };
}

/** Returns 20 characters of a hash. */
function idOf(text: string): string {
  return createHash("sha1").update(text).digest("base64url").slice(0, 20);
}
