import type { Entry } from "../../core/conversation/entry.ts";
import { contentOf, type EventContent } from "../../core/feed/encode-event.ts";
import type { FeedEvent } from "../../core/feed/feed-event.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { MessageLog } from "../../core/ports/message-log.ts";

export interface EventContentDeps {
  readonly engine: Pick<MessageLog, "page">;
  readonly members: Pick<MemberStore, "read">;
}

/** What a page of events is about, as it is now. */
export interface PageContent {
  of(event: FeedEvent): EventContent;
}

/** Reads what events are about. Throws when the store cannot be read now. */
export async function readContent(
  deps: EventContentDeps,
  events: readonly FeedEvent[],
): Promise<PageContent> {
  const seqs = new Map<string, Set<number>>();
  const facts = new Map<string, EventContent["facts"]>();
  for (const event of events) {
    const { conversation = "", seq } = event;
    const needed = contentOf(event);
    if (needed === "facts") facts.set(conversation, undefined);
    if (needed !== "message") continue;
    const known = seqs.get(conversation);
    if (known === undefined) seqs.set(conversation, new Set([seq!]));
    else known.add(seq!);
  }
  const messages = new Map<string, ReadonlyMap<number, Entry>>();
  await Promise.all([
    ...Array.from(seqs, async ([name, wanted]) =>
      messages.set(name, await readMessages(deps, name, [...wanted])),
    ),
    ...Array.from(facts.keys(), async (name) => {
      const view = await deps.members.read(name, []);
      facts.set(name, view.exists ? view.facts : "gone");
    }),
  ]);
  return {
    of(event) {
      const { conversation = "", seq = 0 } = event;
      switch (contentOf(event)) {
        case "message":
          // A number is not used twice, not even when the conversation was removed.
          return { message: messages.get(conversation)?.get(seq) };
        case "facts":
          return { facts: facts.get(conversation) };
        case undefined:
          return {};
      }
    },
  };
}

/** Reads messages of one conversation, those with neighbouring numbers at once. */
async function readMessages(
  { engine }: EventContentDeps,
  conversation: string,
  seqs: number[],
): Promise<ReadonlyMap<number, Entry>> {
  const found = new Map<number, Entry>();
  for (const [first, last] of runsOf(seqs)) {
    for (let after = first - 1; after < last; ) {
      const page = await engine.page(conversation, after, last, last - after);
      if (page === undefined) throw new StoreNotReadable();
      for (const entry of page) found.set(entry.seq, entry);
      after = page.at(-1)?.seq ?? last;
    }
  }
  return found;
}

/** The store cannot be read now. */
export class StoreNotReadable extends Error {}

/** The numbers as ranges without holes. */
function runsOf(numbers: number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const number of numbers.sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run?.[1] === number - 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs;
}
