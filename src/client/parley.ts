import type { Quota, ServerFrameOf } from "../protocol/server-frames.ts";
import { createConversation, type ManagedConversation } from "./conversation/conversation.ts";
import type { Refusal } from "./conversation/opening.ts";
import type { Place } from "./conversation/sequencer.ts";
import { type Ack, type Conversation, INNER } from "./conversation/types.ts";
import { createRequest, type Request } from "./http.ts";
import { createLine } from "./line/line.ts";
import type { LineState, Status } from "./line/state.ts";
import { isConnected, isIdle } from "./line/step.ts";
import { createTokenCache } from "./line/token.ts";
import type { AnyData } from "./message.ts";
import { newId } from "./new-id.ts";
import { CLOSE_DELAY_MS, MAX_OPEN_NAMES } from "./options.ts";
import { createRequests, type RequestFrame } from "./requests/requests.ts";
import { createSaved, type Saved } from "./requests/saved.ts";
import { timingOf } from "./timing.ts";
import { checkName } from "./types/check-name.ts";
import { ParleyError } from "./types/error.ts";
import type {
  ConversationFacts,
  InboxChange,
  InboxPage,
  MemberChange,
  RefusalFrame,
  SentFrame,
  UserFrame,
  Welcome,
} from "./types/frames.ts";
import type { NewConversation, Options } from "./types/options.ts";
import { createListeners, type Listeners } from "./values/listeners.ts";
import { createReadable, type Readable } from "./values/readable.ts";

/** The user's quota. `retry_after`: a request was refused, and is sent again after so many seconds. */
export interface QuotaNotice extends Quota {
  readonly retry_after?: number;
}

/** The events of a `connect()`, by name. Those of messages are the conversation's. */
export interface ParleyEvents {
  warning: Omit<ServerFrameOf<"warning">, "type">;
  /** A failure that no promise reports: the storage, the token function, a rejected frame. */
  error: ParleyError;
  /** Who belongs to an open conversation, or what they may, changed. */
  member: MemberChange;
  /** The server closed a conversation, or did not open it. */
  closed: Refusal & { readonly conversation: string };
}

/** One user's connection to one server, and the conversations on it. */
export interface Parley {
  /** The user, once a token has been read. */
  readonly user: string | undefined;
  readonly status: Readable<Status>;
  /** The remaining quota of the plan; null before it is known, and if the plan has none. */
  readonly quota: Readable<QuotaNotice | null>;
  /** What the server said first on the connection: plan, inactivity time-out, the connection's name. */
  readonly welcome: Readable<Welcome | undefined>;
  /**
   * Returns the conversation `id`: the same object each time. Nothing is sent before it is used. `after`: a saved `place`,
   * after which messages are delivered; it counts until the conversation has a place of its own. Throws a `ParleyError` with the
   * code `invalid` for a name that no conversation can have.
   */
  conversation<Data extends object = AnyData>(
    id: string,
    options?: { readonly after?: Place | undefined },
  ): Conversation<Data>;
  /** Makes a conversation, whose name the server gives and whose owner is the user. */
  create(facts?: NewConversation): Promise<ConversationFacts>;
  /** Sends any HTTP request with the base address and the token. Resolves with the parsed body; rejects with a `ParleyError`. */
  request: Request;
  /** Calls `listener` at each `event`. Returns a function that unsubscribes. */
  on<E extends keyof ParleyEvents>(event: E, listener: (event: ParleyEvents[E]) => void): () => void;
  /** Reports that the user is active, which cancels a warning of inactivity. */
  activity(): void;
  /** Measures the round trip: resolves with the milliseconds until the server replied. */
  ping(): Promise<number>;
  /** Connects at once, or again; conversations that are `closed` are opened again. */
  reconnect(): void;
  /** Leaves. Resolves when pending messages are saved, if the option `storage` is set. */
  close(): Promise<void>;
}

interface InternalEvents extends ParleyEvents {
  inbox: InboxPage;
  inbox_item: InboxChange;
  up: undefined;
  down: undefined;
  /** The line is closed for good; undefined where the application closed it. */
  ended: ParleyError | undefined;
}

/** The inner side of a `connect()`, for `watchInbox`. */
export interface InnerParley {
  listen: Listeners<InternalEvents>["on"];
  /** Keeps the line up until the returned function is called. */
  use(): () => void;
  isUp(): boolean;
  send<T>(frame: RequestFrame): Promise<T>;
  /** Reports an error that no promise of the application has. */
  fail(error: ParleyError): void;
  readonly cache: Map<string, unknown>;
}

/** Returns the inner side of a `connect()`. */
export function innerOfParley(parley: Parley): InnerParley {
  return (parley as never as { [INNER]: InnerParley })[INNER];
}

/**
 * Prepares a connection to the server. Nothing is sent before a conversation is used or a request is made, so that it may be called without
 * a network, for example while a page is rendered on a server. Throws if `url` is not a valid URL.
 */
export function connect(options: Options): Parley {
  new URL(options.url);
  const timing = timingOf(options.timing);
  const tokens = createTokenCache(options.token, timing);
  const { on: listen, emit } = createListeners<InternalEvents>();
  const [quota, setQuota] = createReadable<QuotaNotice | null>(null);
  const [welcome, setWelcome] = createReadable<Welcome | undefined>(undefined);
  const conversations = new Map<string, ManagedConversation>();
  const saved = new Map<string, Saved>();
  /** Conversations whose saved messages are being loaded: theirs go first. */
  const loading = new Set<string>();
  const toOpen = new Set<string>();
  const toClose = new Set<string>();
  let uses = 0;

  const report = (code: "storage" | "token", cause: unknown) =>
    emit("error", new ParleyError(code, String(cause), { cause }));

  const line = createLine(options, timing, tokens, {
    onUser: () => {
      for (const id of conversations.keys()) loadSaved(id);
    },
    onFrame,
    onDown() {
      toOpen.clear();
      toClose.clear();
      requests.onDown();
      emit("down", undefined);
      for (const { dispatch, emit: notify } of conversations.values()) {
        notify("cut", undefined);
        dispatch({ type: "line_down" });
      }
    },
    onState,
    onTokenError: (error) => report("token", error),
    isUsed: () => uses > 0 || requests.isUsed() || [...conversations.values()].some((one) => one.isWanted()),
  });
  const isUp = () => isConnected(line.state());

  function refusal(state = line.state()): ParleyError | undefined {
    return state.state === "closed" && !isIdle(state)
      ? new ParleyError("closed", `Closed: ${state.code} ${state.reason}.`)
      : undefined;
  }

  const requests = createRequests(options.limits ?? {}, timing, {
    isReady: () => line.state().state === "live",
    isHeld: (conversation) => loading.has(conversation),
    epoch: (conversation) => conversations.get(conversation)?.shown.place?.epoch,
    refusal,
    use: () => line.dispatch({ type: "use" }),
    send(frame) {
      // The server replies in the order of requests, so a reader whose `open` goes first gets this message, too.
      openAll();
      line.send(frame);
    },
    fail: line.fail,
    onChange(conversation) {
      saved.get(conversation)?.save(requests.pending(conversation));
      conversations.get(conversation)?.emit("pending", undefined);
    },
    onSettled(conversation, message, ack, error) {
      const one = conversations.get(conversation);
      if (ack) one?.emit("acked", ack as Ack);
      else one?.emit("failed", { message, error });
    },
  });

  function onState(state: LineState): void {
    const error = refusal(state);
    if (error !== undefined) {
      const reason = (state as { code: number }).code === 1000 ? undefined : error;
      emit("ended", reason);
      for (const { endIterators, stopTimers } of conversations.values()) {
        endIterators(reason);
        stopTimers();
      }
      requests.close(error, options.storage !== undefined);
    }
    if (state.state === "live") {
      for (const { dispatch } of conversations.values()) dispatch({ type: "line_up" });
      emit("up", undefined);
    }
    requests.flush();
  }

  function onFrame(frame: UserFrame): void {
    const { type, conversation, ...body } = frame;
    const {
      quota: left,
      retry_after,
      stream: handle,
      id: name,
    } = frame as {
      quota?: Quota | null;
      retry_after?: number;
      stream?: unknown;
      id?: string;
    };
    if (left !== undefined) setQuota(left && { ...left, ...(retry_after !== undefined && { retry_after }) });
    const managed = conversations.get(conversation!);
    if (managed?.writers.get(handle ?? name)?.(frame)) return;
    switch (frame.type) {
      case "welcome":
        setWelcome(frame);
        // A clock that stopped while the machine slept does not know how much of a wait has passed: ask the server again.
        requests.retryNow();
        line.dispatch({ type: "welcome" });
        break;
      case "ack":
      case "stream_started":
      case "pong":
        requests.settle(conversation, frame.id, body);
        break;
      case "history":
        if (frame.id === undefined) managed?.onFrame(frame);
        else requests.settle(conversation, frame.id, body);
        break;
      case "inbox":
      case "inbox_item":
        emit(type as "inbox", frame as never);
        requests.settle(conversation, name, body);
        break;
      case "error":
        // The status reports too many connections at each attempt; an event would repeat it.
        if (!requests.onError(frame) && !onOpenRefused(frame) && frame.code !== "too_many_connections")
          emit("error", new ParleyError(frame.code as never, frame.message, frame));
        break;
      case "warning":
        if (frame.code === "inactivity" && options.stayActive) line.send({ type: "activity" });
        if (frame.code === "flooding") requests.pause((frame.seconds ?? 1) * 1000);
        if (frame.code === "token_expiring") line.renewToken(frame.seconds ?? 0);
        emit("warning", body as never);
        break;
      case "degraded":
      case "recovered":
        requests.retryNow();
        requests.wait();
        line.dispatch(frame);
        break;
      case "closing":
        line.dispatch({ type: "closing", closing: frame });
        break;
      default:
        if (frame.type === "member") emit("member", { conversation, ...body } as never);
        // What was not answered before such a `closed` is not answered any more (MX3).
        if (frame.type === "closed" && retry_after !== undefined) {
          requests.onDown(conversation);
          managed?.emit("cut", undefined);
        }
        managed?.onFrame(frame);
    }
    requests.flush();
  }

  /** Sends `open` for all conversations of this turn together, each frame with up to `most`. */
  function openAll(most = MAX_OPEN_NAMES): void {
    const names = [...toOpen];
    toOpen.clear();
    // What was left makes room for what is opened.
    if (names.length > 0) closeAll();
    // Without a line there is nothing to do: `line_up` opens all that are wanted.
    while (isUp() && names.length > 0) {
      const id = newId();
      const some = names.splice(0, most);
      const entries = some.map((name) => conversations.get(name)!.openEntry(id, some.length === 1));
      line.send({ type: "open", conversations: entries, id });
    }
  }

  /** Returns false if the error answers no `open`. One bad entry has a whole frame refused: it is sent again by halves. */
  function onOpenRefused(error: RefusalFrame): boolean {
    const refused = [...conversations.values()].filter((one) => one.onRefusal(error)).length;
    if (refused > 1) openAll(Math.ceil(refused / 2));
    return refused > 0;
  }

  /** Closes together what is left at about the same time: a page that shows many conversations would flood the server. */
  function closeAll(): void {
    const names = [...toClose];
    toClose.clear();
    while (isUp() && names.length > 0)
      line.send({ type: "close", conversations: names.splice(0, MAX_OPEN_NAMES) });
  }

  /**
   * Begins to keep the pending messages of a conversation in the storage, and sends those that are there. Before the user is
   * known nothing is kept: one user's messages must not be sent as another's.
   */
  function loadSaved(id: string): void {
    const { storage } = options;
    const user = line.user();
    if (storage === undefined || user === undefined) return;
    const one =
      saved.get(id) ??
      createSaved(
        storage,
        `${user}/${id}`,
        timing,
        (kept) => requests.restore(id, kept),
        (error) => report("storage", error),
      );
    saved.set(id, one);
    loading.add(id);
    void one.load().then(() => {
      loading.delete(id);
      requests.flush();
    });
  }

  function manage(id: string): ManagedConversation {
    const made = createConversation(id, {
      timing,
      requests,
      request,
      user: line.user,
      send: line.send,
      isUp,
      open() {
        toClose.delete(id);
        if (toOpen.add(id).size === 1) queueMicrotask(openAll);
        line.dispatch({ type: "use" });
      },
      close() {
        if (!toOpen.delete(id) && toClose.add(id).size === 1) timing.after(CLOSE_DELAY_MS, closeAll);
      },
      onFirstUse: () => loadSaved(id),
      onPlaceFree() {
        for (const { dispatch } of conversations.values()) dispatch({ type: "place_free" });
      },
      onClosed: (reason) => emit("closed", { conversation: id, ...reason }),
    });
    conversations.set(id, made);
    return made;
  }

  const request = createRequest(options.url, tokens);
  const inner: InnerParley = {
    listen,
    use() {
      uses++;
      line.dispatch({ type: "use" });
      return () => void uses--;
    },
    isUp,
    send: (frame: SentFrame) => requests.request(frame as RequestFrame),
    fail: (error) => emit("error", error),
    cache: new Map(),
  };

  const parley: Parley & { [INNER]: InnerParley } = {
    get user() {
      return line.user();
    },
    status: line.status,
    quota,
    welcome,
    conversation(id, { after } = {}) {
      const managed = conversations.get(checkName(id)) ?? manage(id);
      if (after !== undefined) managed.resumeAfter(after);
      return managed.shown as never;
    },
    create: (facts) => request("POST", "/conversations", { id: newId(), ...facts }),
    request,
    on: listen,
    activity() {
      line.dispatch({ type: "use" });
      line.send({ type: "activity" });
    },
    async ping() {
      const began = timing.now();
      await requests.request({ type: "ping", id: newId() });
      return timing.now() - began;
    },
    reconnect() {
      line.dispatch({ type: "reconnect" });
      for (const { dispatch } of conversations.values()) dispatch({ type: "retry" });
    },
    async close() {
      line.dispatch({ type: "close" });
      await Promise.all([...saved.values()].map((one) => one.settled()));
    },
    [INNER]: inner,
  };
  return parley;
}
