import { type Access, type ConversationView, isInForce, type Standing } from "./records.ts";

/** A message that is refused because of the sender's standing. Nothing is charged or stored. */
export interface SpeechRefusal {
  readonly outcome: "forbidden" | "banned" | "muted";
  /** When the ban or mute ends, in milliseconds since 1970; undefined without an end. */
  readonly until?: number;
}

/**
 * Decides whether a user may say something in a conversation at the store's time `now` (MB1–MB3); undefined if it may.
 * `exempt`: an API key, or a token with `manage`, speaks. It needs no membership and no mute binds it, but a ban does.
 */
export function refuseSpeech(
  access: Access,
  standing: Standing | undefined,
  exempt: boolean,
  now: number,
): SpeechRefusal | undefined {
  const { role, muted, banned } = standing ?? {};
  // A conversation of `members` shows a banned user no more than any other user who does not belong to it.
  if (isInForce(banned, now) && (access === "anyone" || exempt)) return refusal("banned", banned.until);
  if (exempt) return undefined;
  if (access === "members" && role === undefined) return refusal("forbidden");
  return isInForce(muted, now) ? refusal("muted", muted.until) : undefined;
}

/**
 * Decides whether how far a user has read is stored: as for a message, but a muted user may read. Between a ban and the end of the
 * user's sockets no mark is stored either (MB2).
 */
export function refusesMark(
  access: Access,
  standing: Standing | undefined,
  exempt: boolean,
  now: number,
): boolean {
  const refused = refuseSpeech(access, standing, exempt, now);
  return refused !== undefined && refused.outcome !== "muted";
}

/**
 * Returns for how long the typing of a user is not sent to others, in milliseconds from the moment of the view: a user who
 * may not write is not shown typing (MB3). 0 where it is shown. `exempt` as above.
 */
export function typingHiddenFor(
  { facts, standings, now }: Pick<ConversationView, "facts" | "standings" | "now">,
  user: string,
  exempt: boolean,
): number {
  const refused = refuseSpeech(facts?.access ?? "anyone", standings.get(user), exempt, now);
  return refused === undefined ? 0 : (refused.until ?? Number.POSITIVE_INFINITY) - now;
}

function refusal(outcome: SpeechRefusal["outcome"], until?: number): SpeechRefusal {
  return until === undefined ? { outcome } : { outcome, until };
}
