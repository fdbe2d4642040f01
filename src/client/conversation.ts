import { MAX_HISTORY_LIMIT } from "../protocol/limits.ts";
import type { PresentUser, Quota, ServerFrame, ServerFrameOf } from "../protocol/server-frames.ts";
import { createReconnectingSocket } from "./connection/reconnecting-socket.ts";
import type { State } from "./connection/state.ts";
import { isConnected, isIdleClosed } from "./connection/step.ts";
import type { TokenCache } from "./connection/token.ts";
import { createListeners, type EventName, type Listener } from "./events.ts";
import type { HistoryPage } from "./history-page.ts";
import { createInbox, type InboxOutput, type Lost, type Position } from "./incoming/inbox.ts";
import { createMessageIterator, type MessageIterator } from "./incoming/message-iterator.ts";
import { createPresenceTracker, type PresenceEvent } from "./incoming/presence.ts";
import type { AnyData, Message } from "./message.ts";
import { newId } from "./new-id.ts";
import { type Options, type Pending, TYPING_INTERVAL_MS } from "./options.ts";
import { createOutboxPersistence } from "./outgoing/outbox-persistence.ts";
import { createRequestQueue, type RequestFrame } from "./outgoing/request-queue.ts";
import { closedError, ParleyError } from "./parley-error.ts";
import { MONOTONIC } from "./timing.ts";

/** Says that a message is stored, and as what. */
export type Ack = Omit<ServerFrameOf<"ack">, "type">;

/** A message on its way; `id` is there at once, to show it before it is acked. */
export type Sending = Promise<Ack> & { readonly id: string };

export interface SendOptions<Data extends object = AnyData> {
  /** Anything else that goes with the text; a JSON object. */
  readonly data?: Data | undefined;
  /** The message's name, 1–64 printable ASCII characters; made if not given. */
  readonly id?: string;
  /** Takes the message back if it was not sent yet, and otherwise only stops waiting. */
  readonly signal?: AbortSignal;
}

export interface HistoryOptions {
  /** The newest with a smaller `seq`. */
  readonly before?: number;
  /** The oldest with a larger `seq`; not together with `before`. */
  readonly after?: number;
  /** At most so many, up to 200; 50 if not given. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/**
 * One conversation: what is said in it, in order and once, and what this user says.
 *
 * A `for await` over it gives the messages from now on. It ends with `close()`, and throws when the server closes.
 */
export interface Conversation<Data extends object = AnyData> extends AsyncIterable<Message<Data>> {
  readonly id: string;
  /** The user, once a token has been read. */
  readonly user: string | undefined;
  /** Where the connection stands. */
  readonly status: State;
  /** The last `welcome` frame: plan, inactivity time-out, and what else the server said first. */
  readonly welcome: ServerFrameOf<"welcome"> | undefined;
  /** Who is there, this user included, with what they have read. */
  readonly present: readonly PresentUser[];
  /** What is not acked yet, the oldest first. */
  readonly pending: readonly Pending[];
  /** Up to where messages were given out: kept, and given to `conversation(id, { from })`, it goes on there. */
  readonly position: Position | undefined;
  /** Calls `listener` at each `event`, until the function that is answered is called. */
  on<E extends EventName>(event: E, listener: Listener<E, Data>): () => void;
  /**
   * Says `text`, which may be empty beside `data`. It is sent again, under the same `id`, until it is acked, through whatever happens to the line.
   *
   * Rejects with a `ParleyError`: the server's refusal (`invalid`, `forbidden`, `too_large` …), `outbox_full`, or
   * `closed`, after which the message may or may not be stored: sending it again with the same `id` is safe.
   */
  send(text: string, options?: SendOptions<Data>): Sending;
  /** Reads what was said; without `before` and `after`, the newest. */
  history(options?: HistoryOptions): Promise<HistoryPage<Data>>;
  /** Tells the others that the user types, or no longer does. Call it at every key: it is sent as seldom as is enough. */
  typing(active: boolean): void;
  /** Says that the user has seen everything up to `seq`. Only forward; said again if it got lost. */
  read(seq: number): void;
  /** Says that somebody is there, which takes a warning of inactivity back. */
  activity(): void;
  /** Measures the line: resolves with the milliseconds until the server has answered. */
  ping(): Promise<number>;
  /** Opens the conversation again after it was closed, or tries at once instead of waiting. */
  reconnect(): void;
  /** Leaves. Resolves when what is pending is in the storage, where there is one. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Begins after this `position`, which was kept: what was said since comes as `message`. */
  readonly from?: Position | undefined;
  /** How many of the newest messages the event `history` shows first, up to 50. They are free. Not together with `from`. */
  readonly last?: number | undefined;
}

/** Close code of a conversation that was removed. */
const REMOVED = 4404;

/** Opens a conversation: joins what reconnecting-socket.ts, request-queue.ts, inbox.ts, presence.ts and outbox-persistence.ts do, each for itself. */
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
  /** How many of the newest messages are still to be shown at the door. */
  let initialCount = from === undefined && last !== 0 ? last : undefined;
  const presence = createPresenceTracker();
  /**
   * Names this conversation in this page to the server: a socket takes the place of one of the same name, so that what is
   * left of a dead line is not counted beside it. Kept nowhere: a tab that is duplicated copies its storage, too.
   */
  const client = newId();
  let welcome: ServerFrameOf<"welcome"> | undefined;
  let lastTypingAt = -Infinity;
  /** Counts welcomes: a page that was asked for before the last one says nothing about what is missing now. */
  let welcomes = 0;

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
  // What is written before a token names the user is kept, too.
  let reading: Promise<void> | undefined = persistence.load(options.user);
  const socket = createReconnectingSocket(options, timing, tokens, {
    async resolveAddress(user) {
      const first = reading ?? persistence.load(options.user);
      reading = undefined;
      await Promise.all([first, persistence.load(user)]);
      // Nothing was given out before the page that a lost line still owed: begin again with it.
      if (initialCount !== undefined) inbox = createInbox();
      return addressOf(options.url, user, id, client, inbox.position(), initialCount);
    },
    onFrame,
    onDisconnect() {
      lastTypingAt = -Infinity;
      requests.onDisconnect();
      emitAll(presence.onDisconnect());
    },
    onStateChange,
    onTokenError: (error) => report("token", error),
  });
  const requests = createRequestQueue(options, timing, socket, persistence.save);

  function emitAll(events: readonly PresenceEvent[]): void {
    for (const { event, body } of events) emit(event, body as never);
  }

  function onStateChange(state: State): void {
    const refusal = closedError(state);
    if (state.state === "closed" && refusal !== undefined) {
      for (const iterator of [...iterators]) iterator.end(state.code === 1000 ? undefined : refusal);
      // What was written to a conversation that was removed must not go to another one of its name.
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
        // What was missed comes before the answers: as long as it comes, they are not late.
        if (isBehind && inbox.position()?.seq !== seq) requests.restartReplyTimeout();
        break;
      }
      case "history":
        // The page at the door was asked for in the address, not by a request.
        if (frame.id === undefined) emit(type, { messages: frame.messages, more: frame.more });
        requests.onReply(frame.id, body);
        break;
      case "ack":
      case "pong":
        requests.onReply(frame.id, body);
        break;
      case "error":
        // The status tells of a full plan, and again at each new try.
        if (!requests.onError(frame) && frame.code !== "too_many_connections")
          emit("error", new ParleyError(frame.code, frame.message));
        break;
      case "presence":
      case "typing":
        emitAll(presence[type](body as never));
        break;
      case "read":
        presence.setReadMark(frame.user, frame.seq);
        emit(type, frame);
        break;
      case "warning":
        if (frame.code === "inactivity" && options.stay) socket.send({ type: "activity" });
        if (frame.code === "flooding") requests.pause((frame.seconds ?? 1) * 1000);
        if (frame.code === "token_expiring") socket.renewToken(frame.seconds ?? 0);
        emit(type, frame);
        break;
      case "degraded":
      case "recovered":
        requests.retryNow();
        requests.restartReplyTimeout();
        socket.dispatch(frame);
        break;
      case "closing":
        socket.dispatch({ type, farewell: frame });
        break;
    }
    // It comes right after `welcome`, or not at all.
    if (type !== "welcome" && isConnected(socket.state())) initialCount = undefined;
    requests.flush();
  }

  function onWelcome(frame: ServerFrameOf<"welcome">): void {
    const { epoch = frame.epoch } = inbox.position() ?? {};
    const isNewEpoch = epoch !== frame.epoch;
    const output = inbox.welcome(frame);
    welcome = frame;
    welcomes++;
    if (isNewEpoch) requests.resetReadMark();
    // A clock that stood still while the machine slept does not know how much of a wait is over: the server says it again.
    requests.retryNow();
    const events = presence.welcome(frame.present, isNewEpoch, Date.now());
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

  /** Reads what is missing, before whatever else is to be read. What may not be read is lost to this client. */
  async function closeGap(after: number): Promise<void> {
    const mine = welcomes;
    const asked = requests.requestFirst({ type: "history", id: newId(), after, limit: MAX_HISTORY_LIMIT });
    const page = await asked.catch(() => ({ messages: [], more: false }));
    // A line that was lost has not said that the messages are.
    if (mine === welcomes && isConnected(socket.state())) emitItems(inbox.page(page.messages, page.more));
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
 * The socket's address: resuming after `position`, where there is one. Undefined for a name such as `..`, which is taken
 * out of an address (RFC 3986 §5.2.4): the server would never see it.
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
