// The conversation that a client shows: what the library knows of it, as signals, and what the person does in it.
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import {
  type Conversation,
  type ConversationFacts,
  type ConversationStatus,
  type Entry,
  type Message,
  type MessageList,
  type MessageWatch,
  type Parley,
  type PresenceList,
  watchMessages,
  watchPresence,
} from "../../client/index.ts";
import type { RenderScheduler } from "../shell/render-scheduler.ts";
import { readAtOpening } from "./message-list-items.ts";
import { createReadableSignal } from "./readable-signal.ts";

/** How long a message must be visible to count as read, in milliseconds; a burst of messages is reported as one mark. */
const READ_AFTER_MS = 400;

/** One conversation of one client, open until `leave()`. */
export interface Room {
  readonly conversation: Conversation;
  readonly list: ReadonlySignal<MessageList>;
  readonly presence: ReadonlySignal<PresenceList>;
  readonly facts: ReadonlySignal<ConversationFacts | undefined>;
  readonly status: ReadonlySignal<ConversationStatus>;
  /** Older messages are being loaded. */
  readonly loading: ReadonlySignal<boolean>;
  /** Up to which message the user had read when the conversation was shown, Infinity if all; undefined before that is known. */
  readonly readBefore: ReadonlySignal<number | undefined>;
  /** Loads the page before the newest messages without a hole. */
  loadOlder(): void;
  /** Loads messages before `seq`, in a hole. */
  loadBefore(seq: number): void;
  /** Messages that are quoted and not in the list, by `seq`; null: it cannot be read any more. */
  readonly quoted: ReadonlySignal<ReadonlyMap<number, Message | null>>;
  /** Reads a message for a quote, once. Costs a request of the plan. */
  loadQuoted(seq: number): void;
  /** The message to show next; the list scrolls there, and sets it back. */
  readonly target: Signal<number | undefined>;
  /** Shows a message, and loads those around it if it is not in the list. Resolves with false if it cannot be read any more. */
  show(seq: number): Promise<boolean>;
  retry(entry: Entry): void;
  discard(entry: Entry): void;
  /** The newest message is in view. */
  seen(seq: number): void;
  leave(): void;
}

/** Whether messages or changes of a conversation wait to be sent. */
export function hasPending(conversation: Conversation): boolean {
  return watchMessages(conversation)
    .getSnapshot()
    .entries.some(
      ({ state, changing }) => state === "pending" || changing?.some((one) => one.state === "pending"),
    );
}

/** Opens a conversation. `onError` gets the refusal of a page of messages. */
export function createRoom(
  parley: Parley,
  name: string,
  scheduler: RenderScheduler,
  onError: (error: unknown) => void,
): Room {
  const conversation = parley.conversation(name);
  const messages: MessageWatch = watchMessages(conversation);
  const presence = createReadableSignal(watchPresence(conversation), scheduler);
  const list = createReadableSignal(messages, scheduler);
  const facts = createReadableSignal(conversation.facts, scheduler);
  const status = createReadableSignal(conversation.status, scheduler);
  const loading = signal(false);
  const quoted = signal<ReadonlyMap<number, Message | null>>(new Map());
  const target: Signal<number | undefined> = signal(undefined);
  const asked = new Set<number>();
  const readBefore: Signal<number | undefined> = signal(undefined);
  let seen = 0;
  let readTimer: ReturnType<typeof setTimeout> | undefined;

  // A quote of a message that was changed is read again when it comes into view.
  const endChanges = conversation.on("change", ({ seq }) => {
    if (!asked.delete(seq)) return;
    quoted.value = new Map([...quoted.value].filter(([one]) => one !== seq));
  });
  const endFirstRead = messages.subscribe((now) => {
    if (now.status === "ready") readBefore.value ??= readAtOpening(now);
  });

  async function load(task: () => Promise<void>): Promise<void> {
    if (loading.value) return;
    loading.value = true;
    try {
      await task();
    } catch (error) {
      onError(error);
    }
    loading.value = false;
  }

  return {
    conversation,
    list: list.signal,
    presence: presence.signal,
    facts: facts.signal,
    status: status.signal,
    loading,
    readBefore,
    quoted,
    target,
    loadQuoted(seq) {
      if (asked.has(seq)) return;
      asked.add(seq);
      const found = (message: Message | null) => {
        // It was changed meanwhile: the quote asks for it again.
        if (!asked.has(seq)) return;
        quoted.value = new Map(quoted.value).set(seq, message);
      };
      conversation.message(seq).then(found, ({ code }) => {
        if (code === "not_found") found(null);
        // It is asked for again when the quote comes into view again.
        else asked.delete(seq);
      });
    },
    async show(seq) {
      const isThere = () => messages.getSnapshot().entries.some((entry) => entry.seq === seq);
      if (!isThere()) await load(() => messages.loadAround(seq));
      if (isThere()) target.value = seq;
      return isThere();
    },
    loadOlder: () => void load(() => messages.loadOlder()),
    // `loadAround` reads 25 messages after the one that it names, and as many before it.
    loadBefore: (seq) => void load(() => messages.loadAround(Math.max(1, seq - 25))),
    retry: (entry) => messages.retry(entry),
    discard: (entry) => messages.discard(entry),
    seen(seq) {
      if (seq <= Math.max(seen, messages.getSnapshot().read)) return;
      seen = seq;
      readTimer ??= setTimeout(() => {
        readTimer = undefined;
        conversation.read(seen);
      }, READ_AFTER_MS);
    },
    leave() {
      clearTimeout(readTimer);
      endFirstRead();
      endChanges();
      for (const { end } of [list, presence, facts, status]) end();
    },
  };
}
