import { MAX_HISTORY_LIMIT, MAX_LAST } from "../../protocol/limits.ts";
import { type Conversation, type HistoryOptions, innerOf } from "../conversation/types.ts";
import type { HistoryPage } from "../history-page.ts";
import type { AnyData } from "../message.ts";
import { createReadable, type Readable } from "../values/readable.ts";
import type { Entry } from "./entry.ts";
import { EMPTY_LIST, type ListEvent, listStep, type MessageList, startOf } from "./message-list.ts";

/** A list of messages that follows its conversation. */
export interface MessageWatch<Data extends object = AnyData> extends Readable<MessageList<Data>> {
  /** Loads a page of older messages, or of those that are missing between entries. Costs a request of the plan. */
  loadOlder(): Promise<void>;
  /** Loads the message `seq` and those next to it; `loadOlder()` fills what is left out. Costs a request of the plan. */
  loadAround(seq: number): Promise<void>;
  /** Sends a failed entry, and its failed changes, again, under their ids. */
  retry(entry: Entry<Data>): void;
  /** Drops a failed entry, or cancels one that is not sent yet; of a stored one its changes. */
  discard(entry: Entry<Data>): void;
}

/** How many messages are read again at a time. */
const REREAD = MAX_HISTORY_LIMIT;

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
  /** How many pages of messages are awaited. */
  let reads = 0;
  let uses = 0;
  let isRereading = false;
  /** Since the conversation was opened last, `opened` has said whether the messages must be read again. */
  let isOpened = inner.isOpen();
  const [readable, set] = createReadable<MessageList>(state, () => {
    // It is open already: `open` asked for no page.
    if (inner.isOpen() && !state.isLoaded) loadNewest();
    uses++;
    const end = inner.use(last);
    reread();
    return () => {
      uses--;
      end();
    };
  });

  function apply(event: ListEvent): void {
    const isLive = isOpened && conversation.status.getSnapshot().state === "live";
    const user = inner.user() ?? "";
    state = listStep(listStep(state, event, user), { type: "live", isLive }, user);
    set(state);
  }

  async function load(range: HistoryOptions): Promise<void> {
    apply({ type: "page", ...(await read(range)) });
  }

  async function read(range: HistoryOptions): Promise<HistoryPage> {
    reads++;
    try {
      return (await conversation.history(range)) as HistoryPage;
    } finally {
      // After the answer is in the list.
      queueMicrotask(() => --reads === 0 && apply({ type: "read_out" }));
    }
  }

  /** Reads all that is in the list again, where too much was changed to be sent. What fails is tried again at the next opening. */
  async function reread(): Promise<void> {
    if (!state.isOld || uses === 0 || !inner.isOpen() || isRereading) return;
    isRereading = true;
    let seq = 0;
    try {
      for (;;) {
        const next = state.stored.find((entry) => entry.seq! > seq)?.seq;
        if (next === undefined) break;
        const page = await read({ after: next - 1, limit: REREAD });
        apply({ type: "page", ...page, more: true });
        seq = Math.max(next, page.messages.at(-1)?.seq ?? 0);
      }
      apply({ type: "old", isOld: false });
    } catch {
      // It stays `stale`; the status of the line or the conversation says why.
    }
    isRereading = false;
  }

  function loadNewest(): void {
    if (last === 0) apply({ type: "page", messages: [], more: true });
    // A refusal closes the conversation, too; its status says so.
    else load({ limit: last }).catch(() => {});
  }

  const pending = () => apply({ type: "pending", pending: inner.pending(), at: Date.now() });
  inner.oldest.push(() => state.stored[0]?.seq);
  inner.listen("opened", ({ seq, read: mark = 0, hasPage, reread: isOld }) => {
    if (isOld) apply({ type: "old", isOld });
    isOpened = true;
    apply({ type: "opened", seq, read: mark });
    void reread();
    if (!hasPage && !state.isLoaded) loadNewest();
  });
  inner.listen("down", () => {
    isOpened = false;
  });
  inner.listen("page", (page) => apply({ type: "page", ...page }));
  inner.listen("message", (message) => apply({ type: "message", message }));
  inner.listen("change", (change) => apply({ type: "change", change, isReading: reads > 0 }));
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
    retry({ id, text, data, reply_to, state: at, changing = [] }) {
      if (at === "failed") void conversation.send(text, { id, data: data as Data, reply_to });
      for (const one of changing) {
        const request = state.changes.find(
          (known) => known.id === one.id && known.state === "failed",
        )?.request;
        if (request) void inner.start({ ...request });
      }
    },
    discard({ id, state: at, changing = [] }) {
      for (const name of [...(at === "stored" ? [] : [id]), ...changing.map((one) => one.id)]) {
        inner.cancel(name);
        apply({ type: "discarded", id: name });
      }
    },
  };
  inner.cache.set(name, watch);
  return watch as unknown as MessageWatch<Data>;
}
