// One client of the bench: what happens goes through the pure step, its effects are carried out here, and what its wire
// carries is told to the bench.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { connect, type Parley, type Position } from "../../client/connect.ts";
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
import { type Login, pastedLogin, REQUEST_TIMEOUT_MS, signIn } from "./sign-in.ts";
import type { Effect, Event, State } from "./state.ts";
import { initialState, step } from "./step.ts";

/** A client as the views and the panels see it. */
export interface TestClient {
  /** Never used again, also when the client was dropped. */
  readonly id: string;
  /** Which of the colours marks it. */
  readonly colorIndex: number;
  /** Given by the person; empty: it is called by its user. */
  readonly givenName: Signal<string>;
  /** What stands in the composer. */
  readonly draft: Signal<string>;
  /** For views: changes with the redraws. */
  readonly state: ReadonlySignal<State>;
  readonly stats: ReadonlySignal<ConnectionStats>;
  /** What is so at this moment, for decisions. */
  current(): State;
  /** What the wire said up to this moment. */
  currentStats(): ConnectionStats;
  dispatch(event: Event): void;
  /** Writes a message at once, so that it is seen as pending even when the server answers within one redraw. */
  send(text: string): void;
  /** Opens `conversation`, or the one that is open anew. */
  connect(conversation?: string): void;
  signIn(user: string, password: string): Promise<void>;
  /** Goes in as `user` with a token that was made elsewhere, whatever it is worth. */
  useToken(user: string, token: string): void;
  /** Goes in with the sign-in of another client. */
  useLogin(user: string, login: Login): void;
  login(): Login | undefined;
  /** The wire itself: anything can be put on it. */
  readonly wire: Omit<WebSocketTap, "WebSocket">;
  /** Knocks with any token, as any user, beside the line, which does not feel it; what comes of it is seen on the timeline. */
  probeHandshake(user: string, token: string): void;
  /** Asks the server over HTTP with this client's token. Rejects without one, or when the server does not answer. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Leaves, and forgets the sign-in without telling the server: other clients may use it. */
  drop(): void;
}

export interface TestClientDeps {
  readonly id: string;
  readonly colorIndex: number;
  readonly conversation: string;
  readonly scheduler: RenderScheduler;
  /** Takes what was seen on the wire into the log. */
  log(event: WireEvent, notes: FrameAnnotations): Frame;
  /** Whether a client beside this one uses `login`. */
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
  /** Where the conversation that was left last can go on. */
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
      // A tap and an analysis of its own: it is not this client's line that it says something about.
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
