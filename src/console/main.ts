// The console's one place where parts meet: events go through the pure step, effects are carried out, views are drawn.
import { addToLog, type Direction, type LogEntry } from "./frame-log.ts";
import { HISTORY_PAGE } from "./receive.ts";
import { readServerFacts, signIn } from "./sign-in.ts";
import { type Line, openLine } from "./socket.ts";
import type { Effect, Event } from "./state.ts";
import { initialState, step } from "./step.ts";
import { composerView } from "./view/composer.ts";
import { find } from "./view/element.ts";
import { framesView } from "./view/frames.ts";
import { messagesView } from "./view/messages.ts";
import { noticesView } from "./view/notices.ts";
import { conversationProblem, placeView } from "./view/place.ts";
import { sideView } from "./view/side.ts";
import { signInView } from "./view/sign-in.ts";

/** Redraws are gathered for this long, in milliseconds, so that a burst of frames is one redraw. */
const REDRAW_AFTER = 16;

/** How often countdowns move, in milliseconds. */
const COUNTDOWN_EVERY = 250;

function startConsole(): void {
  let state = initialState(conversationInAddress() ?? "lobby");
  let log: readonly LogEntry[] = [];
  // In memory only (P1): a reload signs out, and no other script, tab or extension finds it in a storage.
  let token: string | undefined;
  let line: Line | undefined;
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
      loadBefore: (seq, limit = HISTORY_PAGE) => happen({ type: "load_before", seq, limit }),
    }),
    noticesView({
      stay: () => happen({ type: "stay" }),
      dismiss: (code) => happen({ type: "dismiss", code }),
      reconnect: () => happen({ type: "connect" }),
    }),
    sideView(() => happen({ type: "ping", at: Date.now() })),
    composerView({
      say(text) {
        happen({ type: "say", id: crypto.randomUUID(), text, at: Date.now() });
        // At once, so that it is seen as pending even when the server answers within one redraw.
        draw();
      },
      writing: () => happen({ type: "stay" }),
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
        open(effect.user, effect.conversation);
        return;
      case "close":
        line?.close();
        line = undefined;
        return;
      case "forget_token":
        token = undefined;
        return;
      case "send":
        line?.send(effect.frame);
        return;
      default:
        effect satisfies never;
    }
  }

  function open(user: string, conversation: string): void {
    note("line", `connect to ${conversation} as ${user}`);
    line = openLine(user, conversation, token ?? "", {
      received(text, frame) {
        note("received", text);
        if (frame !== undefined) happen({ type: "frame", frame, at: Date.now() });
      },
      sent: (text) => note("sent", text),
      noted: (text) => note("line", text),
      closed: (code) => happen({ type: "closed", code, at: Date.now() }),
    });
  }

  function note(direction: Direction, text: string): void {
    log = addToLog(log, direction, text, Date.now(), token);
    plan();
  }

  async function enter(user: string, password: string): Promise<void> {
    if (state.session.at !== "signed_out" || state.session.busy) return;
    happen({ type: "sign_in_began" });
    const answer = await signIn(user, password);
    if ("problem" in answer) return happen({ type: "sign_in_refused", problem: answer.problem });
    token = answer.token;
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
    if (session.at === "open") return session.inactiveAt !== undefined || limitedUntil !== undefined;
    return session.at === "closed" && session.ending.comeBackAt !== undefined;
  }

  addEventListener("hashchange", () => {
    const conversation = conversationInAddress();
    if (conversation !== undefined) happen({ type: "choose", conversation });
  });
  setInterval(() => {
    if (countsDown()) draw();
  }, COUNTDOWN_EVERY);
  draw();
  void readServerFacts().then((facts) => happen({ type: "server_facts", facts }));
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
