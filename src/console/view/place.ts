import type { Line, Session, State } from "../state.ts";
import { find, setText } from "./element.ts";

const STATUS: Record<Exclude<Session["at"], "open"> | Line["at"], string> = {
  signed_out: "Signed out",
  signed_in: "Not connected",
  connecting: "Connecting…",
  resuming: "Connected, catching up…",
  live: "Connected",
  degraded: "Connected, store away",
  waiting: "Comes back by itself",
  closed: "Closed",
};

/** What people can do about where they are. */
export interface PlaceActions {
  connect(conversation: string): void;
  leave(): void;
  signOut(): void;
}

/** The top of the page: who is signed in, which conversation, and whether the line is open. */
export function placeView(actions: PlaceActions): (state: State) => void {
  const account = find("account", HTMLElement);
  const user = find("account-user", HTMLElement);
  const plan = find("account-plan", HTMLElement);
  const signOut = find("sign-out", HTMLButtonElement);
  const form = find("place", HTMLFormElement);
  const conversation = find("conversation", HTMLInputElement);
  const problem = find("conversation-problem", HTMLElement);
  const connect = find("connect", HTMLButtonElement);
  const leave = find("leave", HTMLButtonElement);
  const status = find("status", HTMLElement);
  let shown: State | undefined;

  signOut.addEventListener("click", () => actions.signOut());
  leave.addEventListener("click", () => actions.leave());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wrong = conversationProblem(conversation.value.trim());
    setText(problem, wrong ?? "");
    conversation.setAttribute("aria-invalid", String(wrong !== undefined));
    if (wrong !== undefined) return conversation.focus();
    if (!conversation.readOnly) actions.connect(conversation.value.trim());
  });

  return (state) => {
    const { session } = state;
    account.hidden = session.at === "signed_out";
    if (session.at !== "signed_out") setText(user, session.user);
    setText(plan, session.at === "open" ? (session.terms?.plan ?? "") : "");
    const busy = session.at === "open";
    if (state.conversation !== shown?.conversation) conversation.value = state.conversation;
    conversation.readOnly = busy;
    connect.hidden = busy;
    leave.hidden = !busy;
    setText(leave, busy && session.terms === undefined ? "Cancel" : "Leave");
    const at = session.at === "open" ? session.line.at : session.at;
    setText(status, STATUS[at]);
    status.dataset.at = at;
    // Focus goes where the next step is, once, when the page arrives in a new place.
    if (session.at === "signed_in" && shown?.session.at !== "signed_in") {
      conversation.focus();
      conversation.select();
    }
    shown = state;
  };
}

/** Says what is wrong with a conversation's name, as the server would (protocol/identifiers.ts), but before asking it. */
export function conversationProblem(name: string): string | undefined {
  if (name === "") return "Name a conversation, for example lobby.";
  if (name === "." || name === "..") return "A browser cannot open a conversation called . or ..";
  if (/^[A-Za-z0-9._:@-]{1,128}$/.test(name)) return undefined;
  return "Use 1 to 128 of A-Z a-z 0-9 . _ : @ - and no spaces.";
}
