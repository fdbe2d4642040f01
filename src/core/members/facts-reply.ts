import { type ConversationFacts, type ConversationView, isInForce, type Role } from "./records.ts";
import type { Actor } from "./standing.ts";

/** The facts of a conversation as they are sent to a user or a program. */
export interface FactsReply {
  readonly conversation: string;
  readonly access: ConversationFacts["access"];
  readonly title?: string;
  readonly data?: ConversationFacts["data"];
  /** The other user of a direct conversation. */
  readonly direct?: string;
  readonly role?: Role;
  readonly muted?: { readonly until?: number; readonly by: string };
  readonly seq: number;
  readonly epoch: string;
  /** When the newest message was stored, else when the conversation was made; in milliseconds since 1970. */
  readonly at: number;
}

/** Returns the facts of a conversation for the sender of a request; `user` is whom a key speaks for. */
export function factsReply(
  conversation: string,
  view: ConversationView,
  actor: Actor,
  user: string | undefined = actor.kind === "user" ? actor.name : undefined,
): FactsReply {
  const { facts, seq, epoch, lastAt, now } = view;
  return {
    conversation,
    ...openedFacts(view, user),
    seq,
    epoch,
    at: lastAt ?? facts?.at ?? now,
  };
}

/** The facts that a user is also sent when it opens the conversation. */
export function openedFacts(
  { facts, standings, now }: ConversationView,
  user: string | undefined,
): Pick<FactsReply, "access" | "title" | "data" | "direct" | "role" | "muted"> {
  const { role, muted } = (user === undefined ? undefined : standings.get(user)) ?? {};
  const { access = "anyone", title, data, direct } = facts ?? {};
  const other = user === undefined ? undefined : direct?.find((one) => one !== user);
  return {
    access,
    ...(title !== undefined && { title }),
    ...(data !== undefined && { data }),
    ...(other !== undefined && { direct: other }),
    ...(role !== undefined && { role }),
    ...(isInForce(muted, now) && { muted: withoutReason(muted) }),
  };
}

function withoutReason({ until, by }: { readonly until?: number; readonly by: string }): FactsReply["muted"] {
  return { ...(until !== undefined && { until }), by };
}
