import type { PostRequest } from "../../../core/ports/message-log.ts";
import type { AddedEntry, UserLists } from "./user-lists.ts";

/** A message or the start of a stream, which may make its sender a member. */
export type JoiningRequest = Pick<PostRequest, "user" | "conversation" | "joins">;

/** How a message that could have made its sender a member has ended. */
export type JoinOutcome = "joined" | "was member" | "no member";

/** The outcomes as scripts reply them (lua/members/speech.lua). */
export const JOIN_OUTCOMES: readonly JoinOutcome[] = ["no member", "was member", "joined"];

/**
 * Writes the lists of users who become members with a message of a batch in Cluster, where the list and the conversation are in
 * different slots: the list is written before the message, and again after it, or cleared.
 */
export class JoinLists {
  private readonly entries = new Map<string, Promise<AddedEntry | undefined>>();
  private readonly outcomes = new Map<string, JoinOutcome>();

  constructor(private readonly lists: UserLists) {}

  /** Begins to write the list of a sender. */
  prepare({ user, conversation, joins }: JoiningRequest): void {
    const key = keyOf(user, conversation);
    if (this.entries.has(key)) return;
    // The message is stored all the same; a later one makes the user a member.
    this.entries.set(
      key,
      this.lists.add(user, conversation, joins!.conversations).catch(() => undefined),
    );
  }

  /** Resolves when all lists are written. Returns whether the sender may become a member. */
  async ready(): Promise<(request: JoiningRequest) => boolean> {
    const written = new Map<string, boolean>();
    for (const [key, entry] of this.entries) written.set(key, ((await entry)?.outcome ?? "full") !== "full");
    return ({ user, conversation }) => written.get(keyOf(user, conversation)) === true;
  }

  /** Records what has come of a message. */
  onReply({ user, conversation }: JoiningRequest, outcome: JoinOutcome): void {
    const key = keyOf(user, conversation);
    if (this.outcomes.get(key) !== "joined") this.outcomes.set(key, outcome);
  }

  /** Clears the lists of users who did not become members, and writes those of new members again. Never rejects. */
  async settle(): Promise<void> {
    await Promise.allSettled(
      [...this.outcomes].map(async ([key, outcome]) => {
        const entry = await this.entries.get(key);
        if (entry === undefined) return;
        if (outcome === "no member") await this.lists.cancel(entry);
        // Another node may have removed the user and its entry after the list was written and before the message was stored.
        if (outcome === "joined") await this.lists.add(entry.user, entry.conversation);
      }),
    );
  }
}

function keyOf(user: string, conversation: string): string {
  return `${user} ${conversation}`;
}
