import { MAX_LAST } from "../../protocol/limits.ts";
import { type Conversation, type HistoryOptions, innerOf } from "../conversation/types.ts";
import type { AnyData } from "../message.ts";
import { createReadable, type Readable } from "../values/readable.ts";
import {
  EMPTY_LIST,
  type Entry,
  type ListEvent,
  listStep,
  type MessageList,
  startOf,
} from "./message-list.ts";

/** A list of messages that follows its conversation. */
export interface MessageWatch<Data extends object = AnyData> extends Readable<MessageList<Data>> {
  /** Loads a page of older messages, or of those that are missing between entries. Costs a request of the plan. */
  loadOlder(): Promise<void>;
  /** Loads the message `seq` and those next to it; `loadOlder()` fills what is left out. Costs a request of the plan. */
  loadAround(seq: number): Promise<void>;
  /** Sends a failed entry again, under its id. */
  retry(entry: Entry<Data>): void;
  /** Drops a failed entry, or cancels one that is not sent yet. */
  discard(entry: Entry<Data>): void;
}

/** How many messages a page has. */
const PAGE = 50;

/**
 * Keeps the messages of a conversation: the newest `last` (up to 50, not charged), all that come, and this user's own from the
 * moment at which they are written.
 */
export function watchMessages<Data extends object = AnyData>(
  conversation: Conversation<Data>,
  { last = MAX_LAST }: { readonly last?: number } = {},
): MessageWatch<Data> {
  const inner = innerOf(conversation);
  const name = `messages ${last}`;
  const known = inner.cache.get(name);
  if (known !== undefined) return known as MessageWatch<Data>;
  let state = EMPTY_LIST;
  let older: Promise<void> | undefined;
  const [readable, set] = createReadable<MessageList>(state, () => {
    // It is open already: `open` asked for no page.
    if (inner.isOpen() && !state.isLoaded) loadNewest();
    return inner.use(last);
  });

  function apply(event: ListEvent): void {
    const isLive = conversation.status.getSnapshot().state === "live";
    const user = inner.user() ?? "";
    state = listStep(listStep(state, event, user), { type: "live", isLive }, user);
    set(state);
  }

  async function load(range: HistoryOptions): Promise<void> {
    const { messages, more } = await conversation.history(range);
    apply({ type: "page", messages: messages as never, more });
  }

  function loadNewest(): void {
    if (last === 0) apply({ type: "page", messages: [], more: true });
    // A refusal closes the conversation, too; its status says so.
    else load({ limit: last }).catch(() => {});
  }

  const pending = () => apply({ type: "pending", pending: inner.pending(), at: Date.now() });
  inner.listen("opened", ({ seq, read = 0, hasPage }) => {
    apply({ type: "opened", seq, read });
    if (!hasPage && !state.isLoaded) loadNewest();
  });
  inner.listen("page", (page) => apply({ type: "page", ...page }));
  inner.listen("message", (message) => apply({ type: "message", message }));
  inner.listen("stream", (frame) => apply({ ...frame, type: "stream" }));
  inner.listen("stream_append", (frame) => apply({ ...frame, type: "stream_append" }));
  inner.listen("lost", (lost) => apply({ type: "lost", lost }));
  inner.listen("pending", pending);
  inner.listen("acked", (ack) => apply({ type: "acked", ack }));
  inner.listen("failed", (failure) => apply({ type: "failed", ...failure, at: Date.now() }));
  inner.listen("marked", (seq) => apply({ type: "read", seq }));
  inner.listen("read", ({ user, seq }) => user === inner.user() && apply({ type: "read", seq }));
  conversation.status.subscribe(() => apply({ type: "read", seq: 0 }));
  pending();

  const watch: MessageWatch = {
    ...readable,
    loadOlder() {
      older ??= load({ before: startOf(state), limit: PAGE }).finally(() => {
        older = undefined;
      });
      return older;
    },
    loadAround: (seq) => load({ around: seq, limit: PAGE + 1 }),
    retry({ id, text, data, reply_to }) {
      void conversation.send(text, { id, data: data as Data, reply_to });
    },
    discard({ id }) {
      inner.cancel(id);
      apply({ type: "discarded", id });
    },
  };
  inner.cache.set(name, watch);
  return watch as unknown as MessageWatch<Data>;
}
