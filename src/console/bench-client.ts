// One client of the bench: what happens goes through the pure step, its effects are carried out here, and what its wire
// carries is told to the bench.

import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { connect, type Parley, type Position } from "../client/connect.ts";
import { newId } from "../client/new-id.ts";
import { HISTORY_PAGE } from "./hear.ts";
import type { Redraw } from "./redraw.ts";
import { serverAddress } from "./server-address.ts";
import { type Login, PATIENCE, pastedLogin, signIn } from "./sign-in.ts";
import type { Effect, Event, State } from "./state.ts";
import { initialState, step } from "./step.ts";
import { openTalk, type Talk } from "./talk.ts";
import { type Analyst, createAnalyst, type Vitals } from "./wire/analysis.ts";
import type { Frame, Notes, Seen } from "./wire/frame.ts";
import { createTap, knock, moment, type Tap } from "./wire/tap.ts";

/** A client as the views and the panels see it. */
export interface BenchClient {
  /** Never used again, also when the client was dropped. */
  readonly id: string;
  /** Which of the colours marks it. */
  readonly tone: number;
  /** Given by the person; empty: it is called by its user. */
  readonly givenName: Signal<string>;
  /** What stands in the composer. */
  readonly draft: Signal<string>;
  /** For views: changes with the redraws. */
  readonly state: ReadonlySignal<State>;
  readonly vitals: ReadonlySignal<Vitals>;
  /** What is so at this moment, for decisions. */
  current(): State;
  /** What the wire said up to this moment. */
  currentVitals(): Vitals;
  happen(event: Event): void;
  /** Writes a message at once, so that it is seen as pending even when the server answers within one redraw. */
  say(text: string): void;
  /** Opens `conversation`, or the one that is open anew. */
  connect(conversation?: string): void;
  signIn(user: string, password: string): Promise<void>;
  /** Goes in as `user` with a token that was made elsewhere, whatever it is worth. */
  useToken(user: string, token: string): void;
  /** Goes in with the sign-in of another client. */
  useLogin(user: string, login: Login): void;
  login(): Login | undefined;
  /** The wire itself: anything can be put on it. */
  readonly wire: Omit<Tap, "WebSocket">;
  /** Knocks with any token, as any user, beside the line, which does not feel it; what comes of it is seen on the timeline. */
  knock(user: string, token: string): void;
  /** Asks the server over HTTP with this client's token. Rejects without one, or when the server does not answer. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Leaves, and forgets the sign-in without telling the server: other clients may use it. */
  drop(): void;
}

export interface ClientParts {
  readonly id: string;
  readonly tone: number;
  readonly conversation: string;
  readonly redraw: Redraw;
  /** Takes what was seen on the wire into the log. */
  log(seen: Seen, notes: Notes): Frame;
  /** Whether a client beside this one uses `login`. */
  isShared(login: Login): boolean;
}

export function createClient({ id, tone, conversation, redraw, log, isShared }: ClientParts): BenchClient {
  let state = initialState(conversation);
  let login: Login | undefined;
  let parley: Parley | undefined;
  let talk: Talk | undefined;
  /** Where the conversation that was left last can go on. */
  let leftAt: Position | undefined;
  const analyst: Analyst = createAnalyst();
  const shown = signal(state);
  const vitals = signal(analyst.vitals());
  const tap = createTap(see);

  function show(): void {
    shown.value = state;
    vitals.value = analyst.vitals();
  }

  function see(event: Omit<Seen, "client">): void {
    const seen: Seen = { ...event, client: id };
    log(seen, analyst.note(seen));
    redraw.plan(show);
  }

  function happen(event: Event): void {
    const next = step(state, event);
    state = next.state;
    for (const effect of next.effects) carryOut(effect);
    redraw.plan(show);
  }

  function carryOut(effect: Effect): void {
    switch (effect.do) {
      case "open":
        open(effect.conversation, effect.goOn);
        return;
      case "reconnect":
        talk?.reconnect();
        return;
      case "close":
        leftAt = talk?.position() ?? leftAt;
        talk?.leave();
        talk = undefined;
        return;
      case "forget_login":
        if (effect.tell && login !== undefined && !isShared(login)) login.end();
        login = undefined;
        parley = undefined;
        return;
      case "send":
        talk?.send(effect.id, effect.text);
        return;
      case "take_back":
        talk?.takeBack(effect.id);
        return;
      case "load": {
        const { do: _, ...range } = effect;
        talk?.load(range);
        return;
      }
      case "typing":
        talk?.typing(effect.active);
        return;
      case "read":
        talk?.read(effect.seq);
        return;
      case "activity":
        talk?.activity();
        return;
      case "measure":
        talk?.measure();
        return;
      default:
        effect satisfies never;
    }
  }

  function open(name: string, goOn: boolean): void {
    const opened = parley?.conversation(
      name,
      goOn && leftAt !== undefined ? { from: leftAt } : { last: HISTORY_PAGE },
    );
    if (opened === undefined) return;
    talk = openTalk(opened, (event) => {
      if (event.type === "status" && event.line.state === "waiting") {
        const { reason, until } = event.line;
        const seconds = Math.max(0, (until - moment()) / 1000).toFixed(1);
        const text = `${reason}; tries again in ${seconds} s`;
        see({ at: moment(), direction: "line", type: "wait", bytes: 0, text });
      }
      happen(event);
    });
  }

  function enter(user: string, entered: Login): void {
    login = entered;
    const { WebSocket } = tap;
    parley = connect({ url: serverAddress(), user, token: entered.source(), WebSocket });
    happen({ type: "signed_in", user });
  }

  return {
    id,
    tone,
    givenName: signal(""),
    draft: signal(""),
    state: shown,
    vitals,
    current: () => state,
    currentVitals: analyst.vitals,
    happen,
    say(text) {
      happen({ type: "say", id: newId(), text, at: Date.now() });
      redraw.now();
    },
    connect(name) {
      if (name !== undefined) happen({ type: "choose", conversation: name });
      happen({ type: "connect" });
    },
    async signIn(user, password) {
      if (state.session.at !== "signed_out" || state.session.busy) return;
      happen({ type: "sign_in_began" });
      const answer = await signIn(user, password);
      if ("problem" in answer) happen({ type: "sign_in_refused", problem: answer.problem });
      else enter(user, answer.login);
    },
    useToken: (user, token) => enter(user, pastedLogin(token)),
    useLogin: enter,
    login: () => login,
    wire: tap,
    knock(user, token) {
      const own = createAnalyst();
      // A tap and an analysis of its own: it is not this client's line that it says something about.
      knock(`/ws/${user}/${state.conversation}`, token, (event) => {
        const seen: Seen = { ...event, client: id };
        log(seen, own.note(seen));
      });
    },
    async request(path, init = {}) {
      if (login === undefined) throw new Error("This client is not signed in.");
      const headers = new Headers(init.headers);
      headers.set("Authorization", `Bearer ${login.access()}`);
      return fetch(`${serverAddress()}${path}`, { signal: AbortSignal.timeout(PATIENCE), ...init, headers });
    },
    drop() {
      happen({ type: "sign_out" });
    },
  };
}
