// One client of the page: passes its events to the pure step, carries out the effects, and reports its frames to the workbench.
import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import {
  type Conversation,
  connect,
  type Entry,
  type InboxList,
  type Parley,
  watchInbox,
} from "../../client/index.ts";
import { serverAddress } from "../server-address.ts";
import type { RenderScheduler } from "../shell/render-scheduler.ts";
import { type Frame, type FrameAnnotations, readObject, type WireEvent } from "../wire/frame.ts";
import { type ConnectionStats, createFrameAnalyzer, type FrameAnalyzer } from "../wire/frame-analyzer.ts";
import {
  createWebSocketTap,
  monotonicNow,
  probeHandshake,
  type WebSocketTap,
} from "../wire/websocket-tap.ts";
import { bindLine } from "./line-binding.ts";
import { createReadableSignal } from "./readable-signal.ts";
import { createRoom, hasPending, type Room } from "./room.ts";
import { type Login, pastedLogin, REQUEST_TIMEOUT_MS, signIn } from "./sign-in.ts";
import type { Effect, Event, State } from "./state.ts";
import { initialState, step } from "./step.ts";

/** A client as the views and the panels see it. */
export interface TestClient {
  /** Unique; not reused after the client was removed. */
  readonly id: string;
  /** Index of its colour. */
  readonly colorIndex: number;
  /** The name that the person gave; empty: the client is named after its user. */
  readonly givenName: Signal<string>;
  /** The text in the composer of the conversation that is shown. */
  readonly draft: Signal<string>;
  /** The message that the next one answers. */
  readonly replyTo: Signal<Entry | undefined>;
  /** Who asked the writer of a stream to stop, by stream, as far as this client's frames say it. */
  readonly stops: ReadonlyMap<string, string>;
  /** For views: updated with each redraw. */
  readonly state: ReadonlySignal<State>;
  readonly stats: ReadonlySignal<ConnectionStats>;
  /** The user's conversations; undefined while no user is signed in. */
  readonly inbox: ReadonlySignal<InboxList | undefined>;
  /** The conversation that is shown. */
  readonly room: ReadonlySignal<Room | undefined>;
  /** The current state, for decisions. */
  current(): State;
  /** The statistics of its connection up to now. */
  currentStats(): ConnectionStats;
  /** The user's connection, as the library has it; undefined while no user is signed in. */
  parley(): Parley | undefined;
  /** The last user. */
  user(): string | undefined;
  dispatch(event: Event): void;
  /** Sends a message and redraws at once, so that it shows as pending even if the ack arrives before the next redraw. */
  send(text: string): void;
  loadMoreItems(): void;
  signIn(user: string, password: string): Promise<void>;
  /** Connects as `user` with a token from elsewhere, valid or not. */
  useToken(user: string, token: string): void;
  /** Connects with a session: that of another client, or of the page before a reload. */
  useLogin(user: string, login: Login): void;
  login(): Login | undefined;
  /** The socket itself: sends any text or bytes. */
  readonly wire: Omit<WebSocketTap, "WebSocket">;
  /** Opens a second, separate socket with any token and user; the result is shown on the timeline. */
  probeHandshake(user: string, token: string): void;
  /** Sends an HTTP request with this client's token. Rejects without a token, or if the server does not respond. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Whether messages wait to be sent, or a text was not sent, which a reload would lose. */
  hasUnsent(): boolean;
  /** Leaves, and forgets the session without revoking it: other clients may use it. */
  drop(): void;
}

export interface TestClientDeps {
  readonly id: string;
  readonly colorIndex: number;
  readonly conversation: string;
  readonly scheduler: RenderScheduler;
  /** Adds a wire event to the log. */
  log(event: WireEvent, notes: FrameAnnotations): Frame;
  /** Whether another client uses `login`. */
  isShared(login: Login): boolean;
  /** The user or the session is another one. */
  onLogin(): void;
}

interface Account {
  readonly user: string;
  readonly parley: Parley;
  end(): void;
}

export function createTestClient({
  id,
  colorIndex,
  conversation,
  scheduler,
  log,
  isShared,
  onLogin,
}: TestClientDeps): TestClient {
  let state = initialState(conversation);
  let login: Login | undefined;
  let source: () => Promise<string | undefined> = async () => undefined;
  let account: Account | undefined;
  let lastUser: string | undefined;
  /** Texts that were not sent, by conversation. */
  const drafts = new Map<string, string>();
  /** Conversations that were shown, in which messages may wait. */
  const visited = new Set<Conversation>();
  const analyzer: FrameAnalyzer = createFrameAnalyzer();
  const shown = signal(state);
  const stats = signal(analyzer.stats());
  const inbox = signal<InboxList | undefined>(undefined);
  const room = signal<Room | undefined>(undefined);
  const draft = signal("");
  const replyTo = signal<Entry | undefined>(undefined);
  const stops = new Map<string, string>();
  const tap = createWebSocketTap(onWireEvent);

  function show(): void {
    shown.value = state;
    stats.value = analyzer.stats();
  }

  function onWireEvent(event: Omit<WireEvent, "client">): void {
    const seen: WireEvent = { ...event, client: id };
    log(seen, analyzer.analyze(seen));
    if (seen.type === "stream_cancel") noteStop(seen);
    scheduler.schedule(show);
  }

  /** The server says to a writer who asks; what this user asks for is not answered. */
  function noteStop({ text, direction }: WireEvent): void {
    const { stream, by } = readObject(text) ?? {};
    if (typeof stream !== "string" || (direction === "out" && stops.has(stream))) return;
    stops.set(stream, direction === "out" || by === lastUser ? "you" : String(by));
  }

  function dispatch(event: Event): void {
    const next = step(state, event);
    state = next.state;
    for (const effect of next.effects) carryOut(effect);
    scheduler.schedule(show);
  }

  function carryOut(effect: Effect): void {
    switch (effect.type) {
      case "enter":
        enter(effect.conversation);
        return;
      case "reconnect":
        account?.parley.reconnect();
        return;
      case "close":
        void account?.parley.close();
        return;
      case "forget":
        forget();
        return;
      case "forget_login":
        if (effect.revoke && login !== undefined && !isShared(login)) login.end();
        login = undefined;
        source = async () => undefined;
        onLogin();
        return;
      case "activity":
        account?.parley.activity();
        return;
      case "measure":
        account?.parley.ping().then(
          (roundTrip) => dispatch({ type: "measured", roundTrip: Math.round(roundTrip) }),
          () => dispatch({ type: "measured", roundTrip: undefined }),
        );
        return;
      default:
        effect satisfies never;
    }
  }

  function enter(name: string): void {
    const before = room.peek();
    if (before?.conversation.id === name) return;
    if (before !== undefined) drafts.set(before.conversation.id, draft.peek());
    before?.leave();
    replyTo.value = undefined;
    if (before !== undefined || draft.peek() === "") draft.value = drafts.get(name) ?? "";
    room.value =
      account === undefined || name === ""
        ? undefined
        : createRoom(account.parley, name, scheduler, (error) =>
            dispatch({ type: "complaint", refusal: toUserFacingError(error) }),
          );
    if (room.value !== undefined) visited.add(room.value.conversation);
  }

  function forget(): void {
    room.peek()?.leave();
    room.value = undefined;
    drafts.clear();
    visited.clear();
    stops.clear();
    draft.value = "";
    replyTo.value = undefined;
    account?.end();
    account = undefined;
    inbox.value = undefined;
  }

  function useLogin(user: string, entered: Login): void {
    login = entered;
    source = entered.source();
    lastUser = user;
    // The next user must not see the last user's messages; the same user continues after a session that expired.
    if (account !== undefined && account.user !== user) forget();
    const isSame = account !== undefined;
    account ??= createAccount(user);
    if (isSame) account.parley.reconnect();
    dispatch({ type: "signed_in", user });
    onLogin();
  }

  function createAccount(user: string): Account {
    const { WebSocket } = tap;
    const parley = connect({ url: serverAddress(), user, token: () => source(), WebSocket });
    const items = createReadableSignal(watchInbox(parley), scheduler);
    const endItems = items.signal.subscribe((list) => {
      inbox.value = list;
    });
    const endLine = bindLine(parley, {
      dispatch,
      onWait(reason, seconds) {
        const text = `${reason}; tries again in ${seconds.toFixed(1)} s`;
        onWireEvent({ at: monotonicNow(), direction: "line", type: "wait", bytes: 0, text });
      },
    });
    return {
      user,
      parley,
      end() {
        endLine();
        endItems();
        items.end();
        void parley.close();
      },
    };
  }

  return {
    id,
    colorIndex,
    givenName: signal(""),
    draft,
    replyTo,
    stops,
    state: shown,
    stats,
    inbox,
    room,
    current: () => state,
    currentStats: analyzer.stats,
    parley: () => account?.parley,
    user: () => lastUser,
    dispatch,
    send(text) {
      dispatch({ type: "active" });
      const { conversation } = room.peek() ?? {};
      conversation?.typing(false);
      // A failure is in the list of messages.
      conversation?.send(text, { reply_to: replyTo.peek()?.seq }).catch(() => {});
      replyTo.value = undefined;
      scheduler.flush();
    },
    loadMoreItems: () => {
      if (account !== undefined)
        watchInbox(account.parley)
          .loadMore()
          .catch((error) => dispatch({ type: "complaint", refusal: toUserFacingError(error) }));
    },
    async signIn(user, password) {
      if (state.session.state !== "signed_out" || state.session.busy) return;
      dispatch({ type: "sign_in_began" });
      const answer = await signIn(user, password);
      if ("problem" in answer) dispatch({ type: "sign_in_refused", problem: answer.problem });
      else useLogin(user, answer.login);
    },
    useToken: (user, token) => useLogin(user, pastedLogin(token)),
    useLogin,
    login: () => login,
    wire: tap,
    probeHandshake(user, token) {
      const analyzer = createFrameAnalyzer();
      probeHandshake(`/ws/${user}/${state.conversation || "lobby"}?streams=1`, token, (event) => {
        const seen: WireEvent = { ...event, client: id };
        log(seen, analyzer.analyze(seen));
      });
    },
    async request(path, init = {}) {
      if (login === undefined) throw new Error("This client is not signed in.");
      const headers = new Headers(init.headers);
      headers.set("Authorization", `Bearer ${login.access()}`);
      return fetch(`${serverAddress()}${path}`, {
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        ...init,
        headers,
      });
    },
    hasUnsent() {
      const texts = [draft.peek(), ...drafts.values()];
      return texts.some((text) => text.trim() !== "") || [...visited].some(hasPending);
    },
    drop() {
      dispatch({ type: "sign_out" });
    },
  };
}

/** All errors of the library have a `code`; any other error is a defect of this page. */
export function toUserFacingError(error: unknown): { readonly code: string; readonly message: string } {
  const { code = "internal", message = String(error) } = error as { code?: string; message?: string };
  return { code, message };
}
