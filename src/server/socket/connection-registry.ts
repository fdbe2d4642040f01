import { Multimap } from "../../core/collections/multimap.ts";
import type { ServerFrame } from "../../protocol/server-frames.ts";

/** The part of a connection that the registry uses. */
export interface RegisteredConnection {
  readonly user: string;
}

/** All connections on this node: those of each user, for changes of accounts and revocations, and those not authenticated yet. */
export class ConnectionRegistry<Connection extends RegisteredConnection> {
  private readonly users = new Multimap<Connection>();
  /** Open sockets that are not authenticated yet. */
  private readonly unauthenticated = new Set<Connection>();

  /** Adds a socket that was opened and is not authenticated yet. */
  addUnauthenticated(connection: Connection): void {
    this.unauthenticated.add(connection);
  }

  /** Adds an authenticated connection to its user. */
  add(connection: Connection): void {
    this.unauthenticated.delete(connection);
    this.users.add(connection.user, connection);
  }

  remove(connection: Connection): void {
    this.unauthenticated.delete(connection);
    this.users.remove(connection.user, connection);
  }

  /** Returns a copy of the list of the user's connections. */
  ofUser(user: string): Connection[] {
    return this.users.of(user);
  }

  /** Returns a copy of the list of all connections, with those not authenticated yet. */
  all(): Connection[] {
    return [...this.unauthenticated, ...this.users.all()];
  }
}

/** Sends a frame about the server to all connections that have got their `welcome`. */
export function sendToAll(
  registry: ConnectionRegistry<RegisteredConnection & { isLive: boolean; deliver(frame: string): void }>,
  frame: ServerFrame,
): void {
  const text = JSON.stringify(frame);
  for (const connection of registry.all()) if (connection.isLive) connection.deliver(text);
}
