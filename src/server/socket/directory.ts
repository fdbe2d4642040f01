import type { Connection } from "./connection.ts";

/** The connections of each user on this node, for what concerns a user and not a conversation. */
export class Directory {
  private readonly users = new Map<string, Set<Connection>>();

  add(connection: Connection): void {
    const connections = this.users.get(connection.user);
    if (connections === undefined) this.users.set(connection.user, new Set([connection]));
    else connections.add(connection);
  }

  remove(connection: Connection): void {
    const connections = this.users.get(connection.user);
    connections?.delete(connection);
    if (connections?.size === 0) this.users.delete(connection.user);
  }

  /** The user's connections, as they are now. */
  of(user: string): Connection[] {
    return [...(this.users.get(user) ?? [])];
  }

  /** Every connection that was let in, as they are now. */
  all(): Connection[] {
    return [...this.users.values()].flatMap((connections) => [...connections]);
  }
}
