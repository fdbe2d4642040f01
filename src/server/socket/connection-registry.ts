import { Multimap } from "../../core/collections/multimap.ts";

/** What the directory must know of a connection. */
export interface RegisteredConnection {
  readonly user: string;
}

/** The connections on this node: those of each user, for what concerns a user and not a conversation, and strangers. */
export class ConnectionRegistry<Connection extends RegisteredConnection> {
  private readonly users = new Multimap<Connection>();
  /** Open sockets of which it is not known yet whose they are. */
  private readonly unauthenticated = new Set<Connection>();

  /** A socket was opened; whose it is will be seen. */
  addUnauthenticated(connection: Connection): void {
    this.unauthenticated.add(connection);
  }

  /** It is known whose it is. */
  add(connection: Connection): void {
    this.unauthenticated.delete(connection);
    this.users.add(connection.user, connection);
  }

  remove(connection: Connection): void {
    this.unauthenticated.delete(connection);
    this.users.remove(connection.user, connection);
  }

  /** The user's connections, as they are now. */
  ofUser(user: string): Connection[] {
    return this.users.of(user);
  }

  /** Every connection, strangers included, as they are now. */
  all(): Connection[] {
    return [...this.unauthenticated, ...this.users.all()];
  }
}
