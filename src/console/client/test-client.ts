// One test client: passes its events to the pure step, carries out the effects, and reports its frames to the workbench.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { newId } from "../../client/new-id.ts";
import { serverAddress } from "../server-address.ts";
import type { RenderScheduler } from "../shell/render-scheduler.ts";
import type { Frame, FrameAnnotations, WireEvent } from "../wire/frame.ts";
import { type ConnectionStats, createFrameAnalyzer, type FrameAnalyzer } from "../wire/frame-analyzer.ts";
import {
  createWebSocketTap,
  monotonicNow,
  probeHandshake,
  type WebSocketTap,
} from "../wire/websocket-tap.ts";
import { bindConversation, type ConversationBinding } from "./conversation-binding.ts";
import { HISTORY_PAGE } from "./on-conversation-event.ts";
import { connect, type Parley, type Position } from "./one/connect.ts";
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
  /** The text in the composer. */
  readonly draft: Signal<string>;
  /** For views: updated with each redraw. */
  readonly state: ReadonlySignal<State>;
  readonly stats: ReadonlySignal<ConnectionStats>;
  /** The current state, for decisions. */
  current(): State;
  /** The statistics of its connection up to now. */
  currentStats(): ConnectionStats;
  dispatch(event: Event): void;
  /** Sends a message and redraws at once, so that it shows as pending even if the ack arrives before the next redraw. */
  send(text: string): void;
  /** Opens `conversation`, or the current one again. */
  connect(conversation?: string): void;
  signIn(user: string, password: string): Promise<void>;
  /** Connects as `user` with a token from elsewhere, valid or not. */
  useToken(user: string, token: string): void;
  /** Connects with the session of another client. */
  useLogin(user: string, login: Login): void;
  login(): Login | undefined;
  /** The socket itself: sends any text or bytes. */
  readonly wire: Omit<WebSocketTap, "WebSocket">;
  /** Opens a second, separate socket with any token and user; the result is shown on the timeline. */
  probeHandshake(user: string, token: string): void;
  /** Sends an HTTP request with this client's token. Rejects without a token, or if the server does not respond. */
  request(path: string, init?: RequestInit): Promise<Response>;
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
}

export function createTestClient({
  id,
  colorIndex,
  conversation,
  scheduler,
  log,
  isShared,
}: TestClientDeps): TestClient {
  let state = initialState(conversation);
  let login: Login | undefined;
  let parley: Parley | undefined;
  let binding: ConversationBinding | undefined;
  /** The position of the last conversation, to resume from. */
  let lastPosition: Position | undefined;
  const analyzer: FrameAnalyzer = createFrameAnalyzer();
  const shown = signal(state);
  const stats = signal(analyzer.stats());
  const tap = createWebSocketTap(onWireEvent);

  function show(): void {
    shown.value = state;
    stats.value = analyzer.stats();
  }

  function onWireEvent(event: Omit<WireEvent, "client">): void {
    const seen: WireEvent = { ...event, client: id };
    log(seen, analyzer.analyze(seen));
    scheduler.schedule(show);
  }

  function dispatch(event: Event): void {
    const next = step(state, event);
    state = next.state;
    for (const effect of next.effects) carryOut(effect);
    scheduler.schedule(show);
  }

  function carryOut(effect: Effect): void {
    switch (effect.type) {
      case "open":
        open(effect.conversation, effect.resume);
        return;
      case "reconnect":
        binding?.reconnect();
        return;
      case "close":
        lastPosition = binding?.position() ?? lastPosition;
        binding?.close();
        binding = undefined;
        return;
      case "forget_login":
        if (effect.revoke && login !== undefined && !isShared(login)) login.end();
        login = undefined;
        parley = undefined;
        return;
      case "send":
        binding?.send(effect.id, effect.text);
        return;
      case "cancel_send":
        binding?.cancelSend(effect.id);
        return;
      case "load": {
        const { type: _, ...range } = effect;
        binding?.load(range);
        return;
      }
      case "typing":
        binding?.typing(effect.active);
        return;
      case "read":
        binding?.read(effect.seq);
        return;
      case "activity":
        binding?.activity();
        return;
      case "measure":
        binding?.measure();
        return;
      default:
        effect satisfies never;
    }
  }

  function open(name: string, goOn: boolean): void {
    const opened = parley?.conversation(
      name,
      goOn && lastPosition !== undefined ? { from: lastPosition } : { last: HISTORY_PAGE },
    );
    if (opened === undefined) return;
    binding = bindConversation(opened, (event) => {
      if (event.type === "status" && event.connection.state === "waiting") {
        const { reason, until } = event.connection;
        const seconds = Math.max(0, (until - monotonicNow()) / 1000).toFixed(1);
        const text = `${reason}; tries again in ${seconds} s`;
        onWireEvent({ at: monotonicNow(), direction: "line", type: "wait", bytes: 0, text });
      }
      dispatch(event);
    });
  }

  function useLogin(user: string, entered: Login): void {
    login = entered;
    const { WebSocket } = tap;
    parley = connect({ url: serverAddress(), user, token: entered.source(), WebSocket });
    dispatch({ type: "signed_in", user });
  }

  return {
    id,
    colorIndex,
    givenName: signal(""),
    draft: signal(""),
    state: shown,
    stats,
    current: () => state,
    currentStats: analyzer.stats,
    dispatch,
    send(text) {
      dispatch({ type: "send", id: newId(), text, at: Date.now() });
      scheduler.flush();
    },
    connect(name) {
      if (name !== undefined) dispatch({ type: "choose", conversation: name });
      dispatch({ type: "connect" });
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
      // With its own tap and analyzer, because this socket is not the client's connection.
      probeHandshake(`/ws/${user}/${state.conversation}`, token, (event) => {
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
    drop() {
      dispatch({ type: "sign_out" });
    },
  };
}
