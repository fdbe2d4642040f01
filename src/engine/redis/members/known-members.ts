import type { JoiningRequest, JoinOutcome } from "./join-lists.ts";

/** Users that are remembered, of all conversations together: about 100 bytes each. */
const MAX_USERS = 200_000;

/**
 * The members that this node knows, because they have sent messages through it. Their messages do not ask Redis for a membership.
 *
 * A user who was removed by another node is known for a moment longer, until the news of it arrive. A message in that moment
 * does not make the user a member again.
 */
export class KnownMembers {
  private readonly users = new Map<string, Set<string>>();
  private size = 0;
  /** Counts what was forgotten. */
  private forgotten = 0;
  private readonly listeners = new Set<(conversation: string) => void>();

  has(conversation: string, user: string): boolean {
    return this.users.get(conversation)?.has(user) === true;
  }

  /** The state before a call to Redis, for `onJoin`. */
  get version(): number {
    return this.forgotten;
  }

  /** Adds a member that a call found. Ignored if something was forgotten since `version`: the call may have read it earlier. */
  private add(conversation: string, user: string, version: number): void {
    if (version !== this.forgotten) return;
    if (this.size >= MAX_USERS) this.clear();
    let users = this.users.get(conversation);
    if (users === undefined) {
      users = new Set();
      this.users.set(conversation, users);
    }
    if (users.has(user)) return;
    users.add(user);
    this.size++;
  }

  /** Forgets one user. */
  delete(conversation: string, user: string): void {
    this.forgotten++;
    if (this.users.get(conversation)?.delete(user)) this.size--;
  }

  /** Forgets all users of a conversation that was removed. */
  forget(conversation: string): void {
    this.forgotten++;
    this.drop(conversation);
  }

  /** Does the same when a reply to this node has another epoch of the conversation: what it says itself is not forgotten. */
  drop(conversation: string): void {
    this.size -= this.users.get(conversation)?.size ?? 0;
    this.users.delete(conversation);
  }

  clear(): void {
    this.forgotten++;
    this.users.clear();
    this.size = 0;
  }

  /** Calls `listener` when a message of this node has made a user a member. */
  watchJoins(listener: (conversation: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Records what has come of a message that could have made its sender a member. `version`: the one before the call. */
  onJoin({ conversation, user }: JoiningRequest, outcome: JoinOutcome, version: number): void {
    if (outcome !== "no member") this.add(conversation, user, version);
    if (outcome === "joined") for (const listener of this.listeners) listener(conversation);
  }
}
