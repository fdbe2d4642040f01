import { Multimap } from "../../core/multimap.ts";

/** What the directory must know of a connection. */
interface Entry {
  readonly user: string;
}

/** The connections on this node: those of each user, for what concerns a user and not a conversation, and strangers. */
export class Directory<Connection extends Entry> {
  private readonly users = new Multimap<Connection>();
  /** Open sockets of which it is not known yet whose they are. */
  private readonly strangers = new Set<Connection>();

  /** A socket was opened; whose it is will be seen. */
  arrive(connection: Connection): void {
    this.strangers.add(connection);
  }

  /** It is known whose it is. */
  add(connection: Connection): void {
    this.strangers.delete(connection);
    this.users.add(connection.user, connection);
  }

  remove(connection: Connection): void {
    this.strangers.delete(connection);
    this.users.remove(connection.user, connection);
  }

  /** The user's connections, as they are now. */
  of(user: string): Connection[] {
    return this.users.of(user);
  }

  /** Every connection, strangers included, as they are now. */
  all(): Connection[] {
    return [...this.strangers, ...this.users.all()];
  }
}
