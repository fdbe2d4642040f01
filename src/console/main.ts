// The console's one place where parts meet: events go through the pure step, effects are carried out, views are drawn.
import { connect, type Parley, type Position } from "../client/connect.ts";
import { addToLog, type Direction, type LogEntry } from "./frame-log.ts";
import { HISTORY_PAGE } from "./hear.ts";
import { type Login, readServerFacts, signIn } from "./sign-in.ts";
import type { Effect, Event } from "./state.ts";
import { initialState, step } from "./step.ts";
import { openTalk, type Talk } from "./talk.ts";
import { composerView } from "./view/composer.ts";
import { find } from "./view/element.ts";
import { framesView } from "./view/frames.ts";
import { messagesView } from "./view/messages.ts";
import { noticesView } from "./view/notices.ts";
import { conversationProblem, placeView } from "./view/place.ts";
import { sideView } from "./view/side.ts";
import { signInView } from "./view/sign-in.ts";
import { typingView } from "./view/typing.ts";
import { describeLine } from "./wording.ts";

/** Redraws are gathered for this long, in milliseconds, so that a burst of frames is one redraw. */
const REDRAW_AFTER = 16;

/** How often countdowns move, in milliseconds. */
const COUNTDOWN_EVERY = 250;

function startConsole(): void {
  let state = initialState(conversationInAddress() ?? "lobby");
  let log: readonly LogEntry[] = [];
  let login: Login | undefined;
  let parley: Parley | undefined;
  let talk: Talk | undefined;
  /** Where the conversation that was left last can go on. */
  let leftAt: Position | undefined;
  let redraw: ReturnType<typeof setTimeout> | undefined;

  const desk = find("desk", HTMLElement);
  const showFrames = framesView(() => {
    log = [];
    plan();
  });
  const views = [
    signInView(enter),
    placeView({
      connect(conversation) {
        happen({ type: "choose", conversation });
        location.hash = conversation;
        happen({ type: "connect" });
      },
      leave: () => happen({ type: "leave" }),
      signOut: () => happen({ type: "sign_out" }),
    }),
    messagesView({
      sayAgain: (id) => happen({ type: "say_again", id, at: Date.now() }),
      takeBack: (id) => happen({ type: "take_back", id }),
      loadBefore: (seq, limit = HISTORY_PAGE) => happen({ type: "load_before", seq, limit }),
      seen: (seq) => happen({ type: "seen", seq }),
    }),
    typingView(),
    noticesView({
      stay: () => happen({ type: "stay" }),
      dismiss: (code) => happen({ type: "dismiss", code }),
      reconnect: () => happen({ type: "connect" }),
    }),
    sideView(() => happen({ type: "measure" })),
    composerView({
      say(text) {
        happen({ type: "say", id: newId(), text, at: Date.now() });
        // At once, so that it is seen as pending even when the server answers within one redraw.
        draw();
      },
      writing: (active) => happen({ type: "write", active }),
    }),
  ];

  function happen(event: Event): void {
    const next = step(state, event);
    state = next.state;
    for (const effect of next.effects) carryOut(effect);
    plan();
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
        if (effect.tell) login?.end();
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

  function open(id: string, goOn: boolean): void {
    note("line", `opening ${id}`);
    const conversation = parley?.conversation(id, goOn && leftAt !== undefined ? { from: leftAt } : {});
    if (conversation === undefined) return;
    talk = openTalk(conversation, (event) => {
      if (event.type === "status") note("line", describeLine(event.line));
      happen(event);
    });
  }

  function note(direction: Direction, text: string): void {
    log = addToLog(log, direction, text, Date.now());
    plan();
  }

  async function enter(user: string, password: string): Promise<void> {
    if (state.session.at !== "signed_out" || state.session.busy) return;
    happen({ type: "sign_in_began" });
    const answer = await signIn(user, password);
    if ("problem" in answer) return happen({ type: "sign_in_refused", problem: answer.problem });
    login = answer.login;
    parley = connect({ url: location.origin, user, token: login.token, trace: note });
    happen({ type: "signed_in", user });
  }

  function plan(): void {
    redraw ??= setTimeout(draw, REDRAW_AFTER);
  }

  function draw(): void {
    clearTimeout(redraw);
    redraw = undefined;
    const now = Date.now();
    desk.hidden = state.session.at === "signed_out";
    for (const view of views) view(state, now);
    showFrames(log);
    document.title = state.session.at === "open" ? `${state.conversation} · Parley` : "Parley";
  }

  function countsDown(): boolean {
    const { session, limitedUntil } = state;
    if (session.at !== "open") return false;
    return session.inactiveAt !== undefined || session.line.at === "waiting" || limitedUntil !== undefined;
  }

  addEventListener("hashchange", () => {
    const conversation = conversationInAddress();
    if (conversation !== undefined) happen({ type: "choose", conversation });
  });
  // What waits to be sent is in memory only, like the token: a reload would lose it, so the person is asked first.
  addEventListener("beforeunload", (event) => {
    if (state.transcript.outbox.some((row) => row.kind === "pending")) event.preventDefault();
  });
  setInterval(() => {
    if (countsDown()) draw();
  }, COUNTDOWN_EVERY);
  draw();
  void readServerFacts().then((facts) => happen({ type: "server_facts", facts }));
}

/** A name for a message. `crypto.randomUUID` is missing on pages without TLS, which a server on a private network has. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
}

/** The conversation named behind the address's `#`, where it is a good name. */
function conversationInAddress(): string | undefined {
  let name = location.hash.slice(1);
  try {
    name = decodeURIComponent(name);
  } catch {
    return undefined;
  }
  return conversationProblem(name) === undefined ? name : undefined;
}

startConsole();
