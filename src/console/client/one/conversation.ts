import type { HistoryPage } from "../../../client/history-page.ts";
import type { TokenCache } from "../../../client/line/token.ts";
import type { AnyData, Message } from "../../../client/message.ts";
import { newId } from "../../../client/new-id.ts";
import { TYPING_INTERVAL_MS } from "../../../client/options.ts";
import { MONOTONIC } from "../../../client/timing.ts";
import { MAX_HISTORY_LIMIT } from "../../../protocol/limits.ts";
import type { PresentUser, Quota, ServerFrame, ServerFrameOf } from "../../../protocol/server-frames.ts";
import { createListeners, type EventName, type Listener } from "./events.ts";
import { createInbox, type InboxOutput, type Lost, type Position } from "./inbox.ts";
import { createMessageIterator, type MessageIterator } from "./message-iterator.ts";
import type { Options, Pending } from "./options.ts";
import { createOutboxPersistence } from "./outbox-persistence.ts";
import { closedError, ParleyError } from "./parley-error.ts";
import { createPresenceTracker, type PresenceEvent } from "./presence.ts";
import { createReconnectingSocket } from "./reconnecting-socket.ts";
import { createRequestQueue, type RequestFrame } from "./request-queue.ts";
import type { State } from "./state.ts";
import { isConnected, isIdleClosed } from "./step.ts";

/** Confirms that a message is stored, with its `seq` and time. */
export type Ack = Omit<ServerFrameOf<"ack">, "type">;

/** A message that is being sent; its `id` is known at once, to show the message before it is acked. */
export type PendingSend = Promise<Ack> & { readonly id: string };

export interface SendOptions<Data extends object = AnyData> {
  /** Anything else that belongs to the message; a JSON object. */
  readonly data?: Data | undefined;
  /** The message's id, 1–64 printable ASCII characters; generated if not given. */
  readonly id?: string;
  /** Cancels the message if it was not sent yet; otherwise only stops waiting for its ack. */
  readonly signal?: AbortSignal;
}

export interface HistoryOptions {
  /** Returns the newest messages with a smaller `seq`. */
  readonly before?: number;
  /** Returns the oldest messages with a larger `seq`; not together with `before`. */
  readonly after?: number;
  /** Most messages to return, up to 200; default 50. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/**
 * One conversation: receives its messages in order and each once, and sends this user's messages.
 *
 * A `for await` over it yields new messages. The loop ends after `close()`, and throws when the server closes for good.
 */
export interface Conversation<Data extends object = AnyData> extends AsyncIterable<Message<Data>> {
  readonly id: string;
  /** The user, once a token has been read. */
  readonly user: string | undefined;
  /** The state of the connection. */
  readonly status: State;
  /** The last `welcome` frame: plan, inactivity time-out, and the other facts that the server sends first. */
  readonly welcome: ServerFrameOf<"welcome"> | undefined;
  /** The present users, including this one, each with their read mark. */
  readonly present: readonly PresentUser[];
  /** Messages that are not acked yet, the oldest first. */
  readonly pending: readonly Pending[];
  /** The position of the last delivered message. Save it and pass it as `conversation(id, { from })` to continue there. */
  readonly position: Position | undefined;
  /** Calls `listener` at each `event`. Returns a function that unsubscribes. */
  on<E extends EventName>(event: E, listener: Listener<E, Data>): () => void;
  /**
   * Sends `text`, which may be empty if `data` is given. The message is sent again with the same `id`, over reconnects, until it is acked.
   *
   * Rejects with a `ParleyError`: the server's refusal (`invalid`, `forbidden`, `too_large` …), `outbox_full`, or
   * `closed`, after which the message may or may not be stored: sending it again with the same `id` is safe.
   */
  send(text: string, options?: SendOptions<Data>): PendingSend;
  /** Reads stored messages; without `before` and `after`, the newest. */
  history(options?: HistoryOptions): Promise<HistoryPage<Data>>;
  /** Notifies the others that the user types, or stopped typing. Call it at every key press: frames are throttled. */
  typing(active: boolean): void;
  /** Marks everything up to `seq` as read. The mark only moves forward; it is sent again if it got lost. */
  read(seq: number): void;
  /** Reports that the user is active, which cancels a warning of inactivity. */
  activity(): void;
  /** Measures the round trip: resolves with the milliseconds until the server replied. */
  ping(): Promise<number>;
  /** Opens a closed conversation again, or connects at once instead of waiting. */
  reconnect(): void;
  /** Closes the conversation. Resolves when pending messages are saved, if the option `storage` is set. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Starts after this saved `position`: messages sent since then arrive as `message`. */
  readonly from?: Position | undefined;
  /** How many of the newest messages the event `history` delivers first, up to 50. They do not count against the quota. Not together with `from`. */
  readonly last?: number | undefined;
}

/** Close code of a conversation that was removed. */
const REMOVED = 4404;

/** Opens a conversation: connects reconnecting-socket.ts, request-queue.ts, inbox.ts, presence.ts and outbox-persistence.ts with each other. */
export function openConversation(
  id: string,
  options: Options,
  tokens: TokenCache,
  { from, last }: OpenOptions,
): Conversation {
  const { timing = MONOTONIC } = options;
  const listeners = createListeners();
  const { emit } = listeners;
  const iterators = new Set<MessageIterator>();
  let inbox = createInbox(from);
  /** How many of the newest messages the next connection still has to request for the event `history`. */
  let initialCount = from === undefined && last !== 0 ? last : undefined;
  const presence = createPresenceTracker();
  /**
   * Identifies this conversation in this page to the server: a socket replaces an older one with the same id, so that a
   * dead connection does not count against the limit. It is not stored: a duplicated tab would copy its storage, too.
   */
  const client = newId();
  let welcome: ServerFrameOf<"welcome"> | undefined;
  let lastTypingAt = -Infinity;
  /** Counts welcomes: a page that was requested before the last one does not show what is missing now. */
  let welcomeCount = 0;

  const report = (code: "storage" | "token", cause: unknown) =>
    emit("error", new ParleyError(code, String(cause), { cause }));
  const persistence = createOutboxPersistence(
    options.storage,
    id,
    timing,
    (kept) => {
      if (kept.length > 0 || requests.pending().length > 0) requests.restore(kept);
      requests.flush();
    },
    (error) => report("storage", error),
  );
  // Messages sent before a token names the user are saved, too.
  let reading: Promise<void> | undefined = persistence.load(options.user);
  const socket = createReconnectingSocket(options, timing, tokens, {
    async resolveAddress(user) {
      const first = reading ?? persistence.load(options.user);
      reading = undefined;
      await Promise.all([first, persistence.load(user)]);
      // The last connection was lost before its first page: nothing was delivered yet, so start again with that page.
      if (initialCount !== undefined) inbox = createInbox();
      return addressOf(options.url, user, id, client, inbox.position(), initialCount);
    },
    onFrame,
    onDisconnect() {
      lastTypingAt = -Infinity;
      requests.onDisconnect();
      emitAll(presence.onDisconnect());
    },
    onState,
    onTokenError: (error) => report("token", error),
  });
  const requests = createRequestQueue(options, timing, socket, persistence.save);

  function emitAll(events: readonly PresenceEvent[]): void {
    for (const { event, body } of events) emit(event, body as never);
  }

  function onState(state: State): void {
    const refusal = closedError(state);
    if (state.state === "closed" && refusal !== undefined) {
      for (const iterator of [...iterators]) iterator.end(state.code === 1000 ? undefined : refusal);
      // Messages for a conversation that was removed must not go to a later one with the same name.
      const isKept = persistence.isPersistent && state.code !== REMOVED;
      requests.close(refusal, isKept);
      if (!isKept) persistence.save([]);
    }
    emit("status", state);
    requests.flush();
  }

  function onFrame(frame: ServerFrame): void {
    const { type, ...body } = frame;
    const { quota, retry_after } = frame as { quota?: Quota | null; retry_after?: number };
    if (quota !== undefined) emit("quota", quota && { ...quota, retry_after });
    switch (type) {
      case "welcome":
        onWelcome(frame);
        break;
      case "message": {
        const seq = inbox.position()?.seq;
        const isBehind = inbox.isBehind();
        emitItems(inbox.message(body as Message));
        // The server sends missed messages before replies: while they arrive, no reply is late.
        if (isBehind && inbox.position()?.seq !== seq) requests.restartTimeout();
        break;
      }
      case "history":
        // The first page was requested in the URL, not by a request frame.
        if (frame.id === undefined) emit(type, { messages: frame.messages, more: frame.more });
        requests.onReply(frame.id, body);
        break;
      case "ack":
      case "pong":
        requests.onReply(frame.id, body);
        break;
      case "error":
        // The status reports too many connections at each attempt; an event would repeat it.
        if (!requests.onError(frame) && frame.code !== "too_many_connections")
          emit("error", new ParleyError(frame.code, frame.message));
        break;
      case "presence":
      case "typing":
        emitAll(presence[type](body as never));
        break;
      case "presence_count":
        // Without a list, the known one is incomplete from now on.
        if (frame.present) emitAll(presence.welcome(frame.present));
        emit(type, frame);
        break;
      case "read":
        presence.setReadMark(frame.user, frame.seq);
        emit(type, frame);
        break;
      case "warning":
        if (frame.code === "inactivity" && options.stayActive) socket.send({ type: "activity" });
        if (frame.code === "flooding") requests.pause((frame.seconds ?? 1) * 1000);
        if (frame.code === "token_expiring") socket.renewToken(frame.seconds ?? 0);
        emit(type, frame);
        break;
      case "degraded":
      case "recovered":
        requests.retryNow();
        requests.restartTimeout();
        socket.dispatch(frame);
        break;
      case "closing":
        socket.dispatch({ type, closing: frame });
        break;
    }
    // The first page arrives right after `welcome`, or not at all.
    if (type !== "welcome" && isConnected(socket.state())) initialCount = undefined;
    requests.flush();
  }

  function onWelcome(frame: ServerFrameOf<"welcome">): void {
    const { epoch = frame.epoch } = inbox.position() ?? {};
    const isNewEpoch = epoch !== frame.epoch;
    const output = inbox.welcome(frame);
    welcome = frame;
    welcomeCount++;
    if (isNewEpoch) requests.resetReadMark();
    // A clock that stopped while the machine slept does not know how much of a wait has passed: ask the server again.
    requests.retryNow();
    const events = presence.welcome(frame.present, isNewEpoch);
    socket.dispatch({ type: "welcome", behind: inbox.isBehind() });
    emitAll(events);
    emitItems(output);
  }

  function emitItems({ items, readAfter }: InboxOutput): void {
    for (const item of items) {
      if ("lost" in item) onLost(item.lost);
      else {
        for (const iterator of iterators) iterator.push(item.message);
        emit("message", item.message);
      }
    }
    if (readAfter !== undefined) void closeGap(readAfter);
    socket.dispatch({ type: "progress", behind: inbox.isBehind() });
  }

  /** Reads missing messages before any other history request. Messages that may not be read are reported as lost. */
  async function closeGap(after: number): Promise<void> {
    const mine = welcomeCount;
    const reply = requests.requestFirst({ type: "history", id: newId(), after, limit: MAX_HISTORY_LIMIT });
    const page = await reply.catch(() => ({ messages: [], more: false }));
    // If the connection was lost meanwhile, the failed request does not mean that the messages are lost.
    if (mine === welcomeCount && isConnected(socket.state())) emitItems(inbox.page(page.messages, page.more));
  }

  function onLost(lost: Lost): void {
    for (const iterator of iterators) iterator.lost(lost);
    emit("lost", lost);
  }

  function history({ signal, ...range }: HistoryOptions = {}): Promise<HistoryPage> {
    return requests.request<HistoryPage>({ type: "history", id: newId(), ...range }, signal);
  }

  return {
    id,
    get user() {
      return socket.user();
    },
    get status() {
      return socket.state();
    },
    get welcome() {
      return welcome;
    },
    get present() {
      return presence.present();
    },
    get pending() {
      return requests.pending();
    },
    get position() {
      return inbox.position();
    },
    on: listeners.on,
    [Symbol.asyncIterator]() {
      const iterator = createMessageIterator({
        readAfter: (after) => history({ after, limit: MAX_HISTORY_LIMIT }),
        lost: onLost,
        onEnd: () => iterators.delete(iterator),
      });
      iterators.add(iterator);
      const refusal = closedError(socket.state());
      if (refusal !== undefined) iterator.end(refusal);
      return iterator.messages;
    },
    send(text, { id: name = newId(), data, signal } = {}) {
      const frame = { type: "message", id: name, text, ...(data && { data }) } as RequestFrame;
      return Object.assign(requests.request<Ack>(frame, signal), { id: name });
    },
    history,
    typing(active) {
      const now = timing.now();
      const isKnown = active ? now - lastTypingAt < TYPING_INTERVAL_MS : lastTypingAt === -Infinity;
      if (isKnown || !isConnected(socket.state())) return;
      lastTypingAt = active ? now : -Infinity;
      socket.send({ type: "typing", active });
    },
    read(seq) {
      const user = socket.user();
      if (user !== undefined) presence.setReadMark(user, seq);
      requests.setReadMark(seq);
    },
    activity() {
      if (isIdleClosed(socket.state())) socket.dispatch({ type: "open" });
      socket.send({ type: "activity" });
    },
    async ping() {
      const began = timing.now();
      await requests.request({ type: "ping", id: newId() });
      return timing.now() - began;
    },
    reconnect: () => socket.dispatch({ type: "reconnect" }),
    async close() {
      socket.dispatch({ type: "close" });
      await persistence.settled();
    },
  };
}

/**
 * Returns the socket's URL, which resumes after `position` if one is given. Undefined for a name such as `..`, which is
 * removed from a URL (RFC 3986 §5.2.4): the server would never see it.
 */
function addressOf(
  url: string,
  user: string,
  conversation: string,
  client: string,
  position: Position | undefined,
  last: number | undefined,
): string | undefined {
  const address = new URL(url.replace(/^http/, "ws"));
  const path = `${address.pathname.replace(/\/$/, "")}/ws/${encodeURIComponent(user)}/${encodeURIComponent(conversation)}`;
  address.pathname = path;
  const query = {
    client,
    ...(last && { last }),
    ...(position && { after: position.seq, epoch: position.epoch }),
  };
  address.search = String(new URLSearchParams(query as never));
  return address.pathname === path ? address.href : undefined;
}
