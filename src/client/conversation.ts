import { MAX_HISTORY_LIMIT } from "../protocol/limits.ts";
import type { PresentUser, Quota, ServerFrame, ServerFrameOf } from "../protocol/server-frames.ts";
import { createListeners, type EventName, type Listener } from "./events.ts";
import { createInbox, type Lost, type Position, type Taken } from "./inbox.ts";
import { createKeeper } from "./keeper.ts";
import { createLine } from "./line.ts";
import type { AnyData, Message } from "./message.ts";
import { newId } from "./new-id.ts";
import { type Options, type Pending, TYPING_EVERY } from "./options.ts";
import { closedError, ParleyError } from "./parley-error.ts";
import { createPeople, type PeopleEvent } from "./people.ts";
import { createReader, type Reader } from "./reader.ts";
import { type Asking, createRequests } from "./requests.ts";
import type { State } from "./state.ts";
import { isAsleep, isInTouch } from "./step.ts";
import { MONOTONIC } from "./timing.ts";
import type { TokenKeeper } from "./token.ts";

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

export interface HistoryPage<Data extends object = AnyData> {
  readonly messages: readonly Message<Data>[];
  /** Whether there are further messages in the same direction. */
  readonly more: boolean;
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

/** Opens a conversation: joins what line.ts, requests.ts, inbox.ts, people.ts and keeper.ts do, each for itself. */
export function openConversation(
  id: string,
  options: Options,
  tokens: TokenKeeper,
  { from, last }: OpenOptions,
): Conversation {
  const { timing = MONOTONIC } = options;
  const listeners = createListeners();
  const { tell } = listeners;
  const readers = new Set<Reader>();
  let inbox = createInbox(from);
  /** How many of the newest messages are still to be shown at the door. */
  let wanted = from === undefined && last !== 0 ? last : undefined;
  const people = createPeople();
  /**
   * Names this conversation in this page to the server: a socket takes the place of one of the same name, so that what is
   * left of a dead line is not counted beside it. Kept nowhere: a tab that is duplicated copies its storage, too.
   */
  const client = newId();
  let welcome: ServerFrameOf<"welcome"> | undefined;
  let typedAt = -Infinity;
  /** Counts welcomes: a page that was asked for before the last one says nothing about what is missing now. */
  let welcomes = 0;

  const report = (code: "storage" | "token", cause: unknown) =>
    tell("error", new ParleyError(code, String(cause), { cause }));
  const keeper = createKeeper(
    options.storage,
    id,
    timing,
    (kept) => {
      if (kept.length > 0 || requests.pending().length > 0) requests.restore(kept);
      requests.pump();
    },
    (error) => report("storage", error),
  );
  // What is written before a token names the user is kept, too.
  let reading: Promise<void> | undefined = keeper.read(options.user);
  const line = createLine(options, timing, tokens, {
    async prepare(user) {
      const first = reading ?? keeper.read(options.user);
      reading = undefined;
      await Promise.all([first, keeper.read(user)]);
      // Nothing was given out before the page that a lost line still owed: begin again with it.
      if (wanted !== undefined) inbox = createInbox();
      return addressOf(options.url, user, id, client, inbox.position(), wanted);
    },
    received,
    interrupted() {
      typedAt = -Infinity;
      requests.interrupt();
      tellOf(people.interrupted());
    },
    changed,
    tokenFailed: (error) => report("token", error),
  });
  const requests = createRequests(options, timing, line, keeper.save);

  function tellOf(events: readonly PeopleEvent[]): void {
    for (const { event, body } of events) tell(event, body as never);
  }

  function changed(state: State): void {
    const refusal = closedError(state);
    if (state.state === "closed" && refusal !== undefined) {
      for (const reader of [...readers]) reader.end(state.code === 1000 ? undefined : refusal);
      // What was written to a conversation that was removed must not go to another one of its name.
      const isKept = keeper.isKeeping && state.code !== REMOVED;
      requests.end(refusal, isKept);
      if (!isKept) keeper.save([]);
    }
    tell("status", state);
    requests.pump();
  }

  function received(frame: ServerFrame): void {
    const { type, ...body } = frame;
    const { quota, retry_after } = frame as { quota?: Quota | null; retry_after?: number };
    if (quota !== undefined) tell("quota", quota && { ...quota, retry_after });
    switch (type) {
      case "welcome":
        onWelcome(frame);
        break;
      case "message": {
        const seq = inbox.position()?.seq;
        const isBehind = inbox.isBehind();
        take(inbox.message(body as Message));
        // What was missed comes before the answers: as long as it comes, they are not late.
        if (isBehind && inbox.position()?.seq !== seq) requests.excuse();
        break;
      }
      case "history":
        // The page at the door was asked for in the address, not by a request.
        if (frame.id === undefined) tell(type, { messages: frame.messages, more: frame.more });
        requests.answered(frame.id, body);
        break;
      case "ack":
      case "pong":
        requests.answered(frame.id, body);
        break;
      case "error":
        // The status tells of a full plan, and again at each new try.
        if (!requests.refused(frame) && frame.code !== "too_many_connections")
          tell("error", new ParleyError(frame.code, frame.message));
        break;
      case "presence":
      case "typing":
        tellOf(people[type](body as never));
        break;
      case "read":
        people.read(frame.user, frame.seq);
        tell(type, frame);
        break;
      case "warning":
        if (frame.code === "inactivity" && options.stay) line.send({ type: "activity" });
        if (frame.code === "flooding") requests.pause((frame.seconds ?? 1) * 1000);
        if (frame.code === "token_expiring") line.renew(frame.seconds ?? 0);
        tell(type, frame);
        break;
      case "degraded":
      case "recovered":
        requests.hasten();
        requests.excuse();
        line.dispatch(frame);
        break;
      case "closing":
        line.dispatch({ type, farewell: frame });
        break;
    }
    // It comes right after `welcome`, or not at all.
    if (type !== "welcome" && isInTouch(line.state())) wanted = undefined;
    requests.pump();
  }

  function onWelcome(frame: ServerFrameOf<"welcome">): void {
    const { epoch = frame.epoch } = inbox.position() ?? {};
    const isNewEpoch = epoch !== frame.epoch;
    const taken = inbox.welcome(frame);
    welcome = frame;
    welcomes++;
    if (isNewEpoch) requests.forgetMark();
    // A clock that stood still while the machine slept does not know how much of a wait is over: the server says it again.
    requests.hasten();
    const events = people.welcome(frame.present, isNewEpoch, Date.now());
    line.dispatch({ type: "welcome", behind: inbox.isBehind() });
    tellOf(events);
    take(taken);
  }

  function take({ told, readAfter }: Taken): void {
    for (const item of told) {
      if ("lost" in item) onLost(item.lost);
      else {
        for (const reader of readers) reader.push(item.message);
        tell("message", item.message);
      }
    }
    if (readAfter !== undefined) void closeGap(readAfter);
    line.dispatch({ type: "progress", behind: inbox.isBehind() });
  }

  /** Reads what is missing, before whatever else is to be read. What may not be read is lost to this client. */
  async function closeGap(after: number): Promise<void> {
    const mine = welcomes;
    const asked = requests.askFirst({ type: "history", id: newId(), after, limit: MAX_HISTORY_LIMIT });
    const page = await asked.catch(() => ({ messages: [], more: false }));
    // A line that was lost has not said that the messages are.
    if (mine === welcomes && isInTouch(line.state())) take(inbox.page(page.messages, page.more));
  }

  function onLost(lost: Lost): void {
    for (const reader of readers) reader.lost(lost);
    tell("lost", lost);
  }

  function history({ signal, ...range }: HistoryOptions = {}): Promise<HistoryPage> {
    return requests.ask<HistoryPage>({ type: "history", id: newId(), ...range }, signal);
  }

  return {
    id,
    get user() {
      return line.user();
    },
    get status() {
      return line.state();
    },
    get welcome() {
      return welcome;
    },
    get present() {
      return people.present();
    },
    get pending() {
      return requests.pending();
    },
    get position() {
      return inbox.position();
    },
    on: listeners.on,
    [Symbol.asyncIterator]() {
      const reader = createReader({
        readAfter: (after) => history({ after, limit: MAX_HISTORY_LIMIT }),
        lost: onLost,
        ended: () => readers.delete(reader),
      });
      readers.add(reader);
      const refusal = closedError(line.state());
      if (refusal !== undefined) reader.end(refusal);
      return reader.messages;
    },
    send(text, { id: name = newId(), data, signal } = {}) {
      const frame = { type: "message", id: name, text, ...(data && { data }) } as Asking;
      return Object.assign(requests.ask<Ack>(frame, signal), { id: name });
    },
    history,
    typing(active) {
      const now = timing.now();
      const isKnown = active ? now - typedAt < TYPING_EVERY : typedAt === -Infinity;
      if (isKnown || !isInTouch(line.state())) return;
      typedAt = active ? now : -Infinity;
      line.send({ type: "typing", active });
    },
    read(seq) {
      const user = line.user();
      if (user !== undefined) people.read(user, seq);
      requests.mark(seq);
    },
    activity() {
      if (isAsleep(line.state())) line.dispatch({ type: "open" });
      line.send({ type: "activity" });
    },
    async ping() {
      const began = timing.now();
      await requests.ask({ type: "ping", id: newId() });
      return timing.now() - began;
    },
    reconnect: () => line.dispatch({ type: "reconnect" }),
    async close() {
      line.dispatch({ type: "close" });
      await keeper.settled();
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
