import type { LineStatus, Session } from "../client/state.ts";

type StatusName = Exclude<Session["state"], "open"> | LineStatus["state"];

const STATUS: Record<StatusName, string> = {
  signed_out: "Signed out",
  signed_in: "Not connected",
  idle: "Connecting…",
  connecting: "Connecting…",
  live: "Connected",
  degraded: "Connected, store away",
  waiting: "Comes back by itself",
  closed: "Closed",
};

/** The state of a client: for the style sheet, and as text. */
export function statusOf(session: Session): { readonly at: StatusName; readonly words: string } {
  const at = session.state === "open" ? session.connection.state : session.state;
  return { at, words: STATUS[at] };
}
