import { MAX_HISTORY_LIMIT } from "../../protocol/limits.ts";
import type { HistoryPage } from "../history-page.ts";
import type { Request } from "../http.ts";
import type { Message } from "../message.ts";
import { newId } from "../new-id.ts";
import { TYPING_INTERVAL_MS, USE_GRACE_MS } from "../options.ts";
import type { Requests } from "../requests/requests.ts";
import type { Timing } from "../timing.ts";
import { ParleyError, withReason } from "../types/error.ts";
import type { Change, ConversationFacts, RefusalFrame, SentFrame, UserFrame } from "../types/frames.ts";
import { createListeners } from "../values/listeners.ts";
import { createReadable } from "../values/readable.ts";
import { createMessageIterator, type MessageIterator } from "./message-iterator.ts";
import { type ConversationStatus, type OpeningEvent, openingStep, type Refusal, UNUSED } from "./opening.ts";
import { createSequencer, type Lost, type Place, type Sequence } from "./sequencer.ts";
import {
  type Ack,
  type Conversation,
  type HistoryOptions,
  INNER,
  type InnerConversation,
  type InternalEvents,
  type Target,
  targetOf,
} from "./types.ts";

/** What a conversation needs of its `connect()`. */
export interface ConversationDeps {
  readonly timing: Timing;
  readonly requests: Requests;
  readonly request: Request;
  user(): string | undefined;
  /** Sends one frame, if the line is connected. */
  send(frame: SentFrame): void;
  isUp(): boolean;
  /** Sends `open` for this conversation as soon as the line is connected. */
  open(): void;
  /** Undoes `open`, or sends `close`. */
  close(): void;
  /** The first use: saved messages are loaded. */
  onFirstUse(): void;
  /** The conversation is not open any more: another one may be opened. */
  onPlaceFree(): void;
  /** The server closed the conversation, or refused to open it. */
  onClosed(refusal: Refusal): void;
}

/** A conversation, as its `connect()` sees it. */
export interface ManagedConversation {
  readonly shown: Conversation;
  readonly writers: InnerConversation["writers"];
  emit<E extends keyof InternalEvents>(name: E, event: InternalEvents[E]): void;
  dispatch(event: OpeningEvent): void;
  /** Sets the place after which it is opened; nothing if it has one. */
  resumeAfter(place: Place): void;
  /** Whether it is open, or is to be opened. */
  isWanted(): boolean;
  /** Returns its entry of the `open` frame `id`; `isAlone`: it has no other. */
  openEntry(id: string, isAlone: boolean): object;
  onFrame(frame: UserFrame): void;
  /** Returns false if the error does not answer the `open`. */
  onRefusal(error: RefusalFrame): boolean;
  /** Ends all iterators, with `error` if given. */
  endIterators(error?: ParleyError): void;
  /** Ends the second that follows the last use. */
  stopTimers(): void;
}

/** What the targets of `cancel` may have. */
interface StreamingEntryNames {
  readonly streamId: string;
  readonly id: string;
  readonly reply_to: Target;
}

export function createConversation(id: string, deps: ConversationDeps): ManagedConversation {
  const { timing, requests, request } = deps;
  const path = `/conversations/${encodeURIComponent(id)}`;
  const { on: listen, emit } = createListeners<InternalEvents>();
  const iterators = new Set<MessageIterator>();
  let sequencer = createSequencer();
  const [status, setStatus] = createReadable<ConversationStatus>(UNUSED);
  const [facts, setFacts] = createReadable<ConversationFacts | undefined>(undefined);
  let uses = 0;
  /** Iterators, and listeners for `message`: they get every message. */
  let readers = 0;
  /** Listeners for `change`: they get the changes of all messages. */
  let changeReaders = 0;
  /** How many of the newest messages `watchMessages` wants first. */
  let last = 0;
  /** The last `open` frame, and how many messages it asked for. */
  let opening: string | undefined;
  /** Whether that frame had no other conversation. */
  let isAlone = false;
  let openingLast = 0;
  /** Counts openings: a page that was requested before the last one does not show what is missing now. */
  let openCount = 0;
  let lastTypingAt = -Infinity;
  let endGrace = () => {};
  let endTimer = () => {};

  const isOpen = (at = status.getSnapshot()) => at.state === "resuming" || at.state === "live";

  function dispatch(event: OpeningEvent): void {
    const before = status.getSnapshot();
    const { status: next, effects } = openingStep(before, event, Date.now(), Math.random());
    if (next !== before) endTimer();
    for (const effect of effects) {
      if (effect.type === "wait")
        endTimer = timing.after(effect.milliseconds, () => dispatch({ type: "timer" }));
      else deps[effect.type]();
    }
    if (next === before) return;
    setStatus(next);
    if (isOpen(before) && !isOpen(next)) {
      lastTypingAt = -Infinity;
      emit("down", undefined);
    }
    if ("code" in next) {
      const { code, reason: message, until } = next;
      deps.onClosed({ code, message, until });
      if (next.state === "closed" && code !== "too_many_conversations") {
        const error = new ParleyError(code as never, message, { conversation: id, until });
        endIterators(error);
        // `closed` also answers what was sent: the user may do nothing here any more. Messages for a conversation that was
        // removed must not go to a later one with the same name.
        if (event.type === "closed" || code === "removed") requests.close(error, false, id);
      }
    }
    // One that found no place frees none.
    const isLeft = next.state !== "opening" && !isOpen(next);
    if (isLeft && !("code" in next && next.code === "too_many_conversations")) deps.onPlaceFree();
  }

  function use(count = 0): () => void {
    last = Math.max(last, count);
    endGrace();
    deps.onFirstUse();
    if (uses++ === 0) dispatch({ type: "use" });
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      if (--uses === 0) endGrace = timing.after(USE_GRACE_MS, () => dispatch({ type: "unuse" }));
    };
  }

  function endIterators(error?: ParleyError): void {
    for (const iterator of [...iterators]) iterator.end(error);
  }

  function onFrame(frame: UserFrame): void {
    const { type, conversation: _, ...body } = frame;
    if (frame.type === "closed") {
      const { code, message = "", retry_after, until } = frame;
      dispatch({ type: "closed", refusal: code ? { code, message, retry_after, until } : undefined });
    } else if (frame.type === "opened") onOpened(frame);
    else if (frame.type === "member") {
      emit("member", body as never);
      const { user, change, role, until, by } = frame;
      const isOut = change === "removed" || change === "banned";
      if (user === deps.user())
        addFacts({
          ...(isOut ? { role: undefined } : role && { role }),
          ...(change === "muted" ? { muted: { until, by } } : change === "unmuted" && { muted: undefined }),
        });
    } else if (frame.type === "conversation") addFacts(body);
    else if (!isOpen()) return;
    else if (frame.type === "message") {
      const before = sequencer.place()?.seq;
      const isBehind = sequencer.isBehind();
      deliver(sequencer.message(body as Message));
      // The server sends missed messages before replies: while they arrive, no reply is late.
      if (isBehind && sequencer.place()?.seq !== before) requests.wait();
    } else if (frame.type === "change") deliver(sequencer.change(body as Change));
    else emit(type === "history" ? "page" : (type as never), body as never);
  }

  function onOpened(frame: UserFrame & { type: "opened" }): void {
    const answered = (frame as { id?: string }).id;
    // The answer to an `open` before the last one is out of date: the conversation was closed meanwhile.
    if (status.getSnapshot().state !== "opening" || (answered !== undefined && answered !== opening)) return;
    const before = sequencer.place();
    const sequence = sequencer.opened(frame);
    openCount++;
    if (before !== undefined && before.epoch !== frame.epoch) requests.mark(id, 0);
    const {
      type,
      id: _,
      rev,
      resumed,
      reread,
      skipped,
      lost,
      read,
      present,
      present_count,
      ...known
    } = frame as typeof frame & { id?: string };
    setFacts(known);
    // First, so that who listens finds the conversation in its new state.
    dispatch({ type: "opened", behind: sequencer.isBehind() });
    emit("opened", { ...frame, hasPage: openingLast > 0 && !resumed && known.seq > 0 });
    deliver(sequence);
  }

  function addFacts(changes: object): void {
    const known = facts.getSnapshot();
    if (known !== undefined) setFacts({ ...known, ...changes });
  }

  function deliver({ items, readAfter }: Sequence): void {
    for (const item of items) {
      if ("lost" in item) onLost(item.lost);
      else if ("change" in item) emit("change", item.change);
      else {
        for (const iterator of iterators) iterator.push(item.message);
        emit("message", item.message);
      }
    }
    if (readAfter !== undefined) void closeGap(readAfter);
    dispatch({ type: "progress", behind: sequencer.isBehind() });
  }

  /** Reads missing messages before any other history request. Messages that may not be read are reported as lost. */
  async function closeGap(seq: number): Promise<void> {
    const mine = openCount;
    const page = await requests
      .request<HistoryPage>(
        { type: "history", conversation: id, id: newId(), after: seq, limit: MAX_HISTORY_LIMIT },
        undefined,
        true,
      )
      .catch(() => ({ messages: [], more: false }));
    // If the line was lost meanwhile, the failed request does not mean that the messages are lost.
    if (mine === openCount && isOpen()) deliver(sequencer.page(page.messages, page.more));
  }

  function onLost(lost: Lost): void {
    for (const iterator of iterators) iterator.lost(lost);
    emit("lost", lost);
  }

  function history({ signal, ...range }: HistoryOptions = {}): Promise<HistoryPage> {
    return requests.request<HistoryPage>(
      { type: "history", conversation: id, id: newId(), ...range },
      signal,
    );
  }

  /** Sends a change. An entry that has no `seq` yet is named by its id, which the ack of its message replaces. */
  function change(type: string, target: Target, fields: object): Promise<Ack> {
    const seq = targetOf(target);
    if (typeof seq === "string" && ((target as Message).from || deps.user()) !== deps.user())
      return Promise.reject(new ParleyError("not_found", "Not stored yet."));
    deps.onFirstUse();
    return inner.start({ type, id: newId(), seq, epoch: sequencer.place()?.epoch, ...fields });
  }

  /** Counts a use that reads every message. */
  function readAll(): () => void {
    const end = use();
    readers++;
    return () => {
      readers--;
      end();
    };
  }

  const inner: InnerConversation = {
    user: deps.user,
    listen,
    use,
    pending: () => requests.pending(id),
    oldest: [],
    cancel: (name) => void requests.settle(id, name, undefined, "cancelled"),
    isOpen,
    request: (method, rest, body) => request(method, path + rest, body),
    start: (frame) => requests.request({ ...frame, conversation: id }),
    send: (frame) => deps.send({ ...frame, conversation: id }),
    writers: new Map(),
    after: timing.after,
    cache: new Map(),
  };

  const shown: Conversation & { [INNER]: InnerConversation } = {
    id,
    status,
    facts,
    get place() {
      return sequencer.place();
    },
    on(event, listener) {
      const unsubscribe = listen(event, listener as never);
      const end = event === "message" ? readAll() : use();
      if (event === "change") changeReaders++;
      return () => {
        unsubscribe();
        end();
        if (event === "change") changeReaders--;
      };
    },
    [Symbol.asyncIterator]() {
      const end = readAll();
      const iterator = createMessageIterator({
        readAfter: (seq) => history({ after: seq, limit: MAX_HISTORY_LIMIT }),
        lost: onLost,
        onEnd() {
          if (iterators.delete(iterator)) end();
        },
      });
      iterators.add(iterator);
      return iterator.messages;
    },
    send(text, { id: name = newId(), data, reply_to, signal } = {}) {
      deps.onFirstUse();
      const frame = {
        type: "message",
        conversation: id,
        id: name,
        text,
        ...(data && { data }),
        ...(reply_to !== undefined && { reply_to: targetOf(reply_to) }),
      };
      return Object.assign(requests.request<Ack>(frame, signal), { id: name });
    },
    edit: (target, fields) => change("edit", target, fields),
    erase: (target, reason) => change("erase", target, { reason }),
    react: (target, reaction, on = true) => change("react", target, { reaction, on }),
    async cancel(target) {
      const { streamId, id: name, reply_to } = Object(target) as Partial<StreamingEntryNames>;
      // An entry may have a `reply_to` of its own.
      const seq = targetOf(name === undefined && reply_to !== undefined ? reply_to : (target as Target));
      if (!deps.isUp()) throw new ParleyError("closed", "Not connected.");
      if (streamId === undefined && typeof seq !== "number")
        throw new ParleyError("not_found", "Neither a stream nor a stored message.");
      inner.send({
        type: "stream_cancel",
        ...(streamId ? { stream: streamId } : { reply_to: seq }),
      } as never);
    },
    typing(active = true) {
      const now = timing.now();
      const isKnown = active ? now - lastTypingAt < TYPING_INTERVAL_MS : lastTypingAt === -Infinity;
      if (isKnown || !isOpen()) return;
      lastTypingAt = active ? now : -Infinity;
      deps.send({ type: "typing", conversation: id, active });
    },
    read(seq = sequencer.place()?.seq ?? 0) {
      emit("marked", seq);
      requests.mark(id, seq);
    },
    history: history as never,
    message: (seq) => inner.request("GET", `/messages/${seq}`),
    update: (fields) => inner.request("PATCH", "", fields),
    remove: () => inner.request("DELETE", ""),
    [INNER]: inner,
  };

  return {
    shown,
    writers: inner.writers,
    emit,
    dispatch,
    resumeAfter(place) {
      if (sequencer.place() === undefined) sequencer = createSequencer(place);
    },
    isWanted: () => !["idle", "closed"].includes(status.getSnapshot().state),
    openEntry(name, alone) {
      const place = sequencer.place();
      opening = name;
      isAlone = alone;
      // Without a reader of every message, what was missed beyond the newest page may be skipped.
      openingLast = place === undefined || readers === 0 ? last : 0;
      const oldest = Math.min(...inner.oldest.map((one) => one() ?? Infinity));
      return {
        conversation: id,
        ...(place && { after: place.seq, epoch: place.epoch, rev: place.rev }),
        ...(place && changeReaders === 0 && oldest < Infinity && { oldest }),
        ...(openingLast > 0 && { last: openingLast }),
      };
    },
    onFrame,
    onRefusal(error) {
      const { conversation = error.id && id } = error;
      const isOpening = status.getSnapshot().state === "opening";
      // An answer to an `open` that is not wanted any more is no error.
      if (conversation !== id || (error.id ? error.id !== opening : !isOpening)) return false;
      if (error.conversation || isAlone)
        dispatch({ type: "refused", refusal: { ...error, message: withReason(error.message, error) } });
      else if (isOpening) deps.open();
      return true;
    },
    endIterators,
    stopTimers() {
      endGrace();
      endTimer();
    },
  };
}
