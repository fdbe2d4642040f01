import { newId } from "../new-id.ts";
import { type InnerParley, innerOfParley, type Parley } from "../parley.ts";
import type { InboxItem } from "../types/frames.ts";
import { createReadable, type Readable } from "../values/readable.ts";
import { EMPTY_INBOX, type InboxEvent, type InboxList, inboxStep } from "./inbox-list.ts";

/** The user's conversations. Iterating yields each item as it is now, and again when it changes: the newest state, not each one. */
export interface InboxWatch extends Readable<InboxList>, AsyncIterable<InboxItem> {
  /** Loads the next page of older conversations. */
  loadMore(): Promise<void>;
}

/** Keeps the list of the user's conversations, each with its unread count. `limit`: how many a page has, up to 200; default 50. */
export function watchInbox(parley: Parley, { limit = 50 }: { readonly limit?: number } = {}): InboxWatch {
  const inner = innerOfParley(parley);
  const name = `inbox ${limit}`;
  const known = inner.cache.get(name);
  if (known !== undefined) return known as InboxWatch;
  let state = EMPTY_INBOX;
  /** Pages that are awaited, by the id of the request. */
  const asked = new Map<string, (InboxEvent & { type: "page" })["asked"]>();
  let isAwaited = false;
  let uses = 0;
  const [readable, set] = createReadable<InboxList>(state, use);

  function apply(event: InboxEvent): void {
    state = inboxStep(state, event);
    set(state);
  }

  async function ask(kind: (InboxEvent & { type: "page" })["asked"], range: object): Promise<void> {
    const id = newId();
    asked.set(id, kind);
    await inner.send({ type: "inbox", id, ...range });
  }

  /** Asks for the list, or for what changed, once for a socket. */
  function follow(): void {
    if (uses === 0 || !inner.isUp() || isAwaited || state.status === "ready") return;
    isAwaited = true;
    const { position } = state;
    const request = position === undefined ? ask("newest", { limit }) : ask("changes", { after: position });
    // A refusal that does not pass is an event `error` of the line.
    request.then(
      () => {
        isAwaited = false;
      },
      (error) => inner.fail(error),
    );
  }

  function use(): () => void {
    uses++;
    const end = inner.use();
    follow();
    return () => {
      uses--;
      end();
    };
  }

  inner.listen("inbox", (page) => {
    const kind = asked.get(page.id ?? "") ?? "changes";
    if (!page.more || kind !== "changes") asked.delete(page.id ?? "");
    apply({ type: "page", page, asked: kind });
  });
  inner.listen("inbox_item", (change) => {
    if (state.status === "ready") apply({ type: "change", change });
  });
  inner.listen("up", follow);
  inner.listen("down", () => apply({ type: "down" }));

  const watch: InboxWatch = {
    ...readable,
    async loadMore() {
      const { cursor } = state;
      if (cursor !== undefined) await ask("older", { limit, cursor });
    },
    [Symbol.asyncIterator]() {
      return iterate(readable, inner.listen);
    },
  };
  inner.cache.set(name, watch);
  return watch;
}

/**
 * Yields each item that is not the one that was yielded last for its conversation. Ends when the application closes the line, and throws
 * when the line is closed for another reason.
 */
function iterate(
  readable: Readable<InboxList>,
  listen: InnerParley["listen"],
): AsyncIterableIterator<InboxItem> {
  const yielded = new Map<string, InboxItem>();
  let wake = () => {};
  let isOver = false;
  let failure: unknown;
  const unsubscribe = readable.subscribe(() => wake());
  const unlisten = listen("ended", (error) => {
    failure = error;
    end();
  });
  const end = () => {
    isOver = true;
    unsubscribe();
    unlisten();
    wake();
  };
  const next = (): InboxItem | undefined =>
    // The oldest change first.
    readable.getSnapshot().items.findLast((item) => yielded.get(item.conversation) !== item);
  return {
    async next() {
      for (;;) {
        const value = next();
        if (failure) throw failure;
        if (isOver) return { value: undefined, done: true };
        if (value !== undefined) {
          yielded.set(value.conversation, value);
          return { value, done: false };
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async return() {
      end();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
