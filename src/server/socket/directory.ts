import type { Connection } from "./connection.ts";

/** The connections of each user on this node, for what concerns a user and not a conversation. */
export class Directory {
  private readonly users = new Map<string, Connection[]>();

  add(connection: Connection): void {
    const connections = this.users.get(connection.user);
    if (connections === undefined) this.users.set(connection.user, [connection]);
    else connections.push(connection);
  }

  remove(connection: Connection): void {
    const others = this.users.get(connection.user)?.filter((other) => other !== connection);
    if (others === undefined) return;
    if (others.length > 0) this.users.set(connection.user, others);
    else this.users.delete(connection.user);
  }

  /** The user's connections, as they are now. */
  of(user: string): Connection[] {
    return [...(this.users.get(user) ?? [])];
  }

  /** Every connection that was let in, as they are now. */
  all(): Connection[] {
    return [...this.users.values()].flat();
  }
}
