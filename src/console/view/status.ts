import type { Line, Session } from "../state.ts";

type At = Exclude<Session["at"], "open"> | Line["state"];

const STATUS: Record<At, string> = {
  signed_out: "Signed out",
  signed_in: "Not connected",
  connecting: "Connecting…",
  resuming: "Connected, catching up…",
  live: "Connected",
  degraded: "Connected, store away",
  waiting: "Comes back by itself",
  closed: "Closed",
};

/** Where a client stands: for the style sheet, and in words. */
export function statusOf(session: Session): { readonly at: At; readonly words: string } {
  const at = session.at === "open" ? session.line.state : session.at;
  return { at, words: STATUS[at] };
}
