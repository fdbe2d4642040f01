/** What the directory must know of a connection. */
interface Entry {
  readonly user: string;
}

/** The connections on this node: those of each user, for what concerns a user and not a conversation, and strangers. */
export class Directory<Connection extends Entry> {
  private readonly users = new Map<string, Connection[]>();
  /** Open sockets of which it is not known yet whose they are. */
  private readonly strangers = new Set<Connection>();

  /** A socket was opened; whose it is will be seen. */
  arrive(connection: Connection): void {
    this.strangers.add(connection);
  }

  /** It is known whose it is. */
  add(connection: Connection): void {
    this.strangers.delete(connection);
    const connections = this.users.get(connection.user);
    if (connections === undefined) this.users.set(connection.user, [connection]);
    else connections.push(connection);
  }

  remove(connection: Connection): void {
    this.strangers.delete(connection);
    const others = this.users.get(connection.user)?.filter((other) => other !== connection);
    if (others === undefined) return;
    if (others.length > 0) this.users.set(connection.user, others);
    else this.users.delete(connection.user);
  }

  /** The user's connections, as they are now. */
  of(user: string): Connection[] {
    return [...(this.users.get(user) ?? [])];
  }

  /** Every connection, strangers included, as they are now. */
  all(): Connection[] {
    const all = [...this.strangers];
    for (const connections of this.users.values()) all.push(...connections);
    return all;
  }
}
