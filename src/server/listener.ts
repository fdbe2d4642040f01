import type { Server } from "bun";

/** A certificate with those that vouch for it, and its key, in PEM form. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** Begins to listen on `port`; 0 is any free one. Throws what the system says. */
export type Listen<T> = (port: number, tls: TlsPair | undefined) => Server<T>;

/** Nobody can connect: another program has taken the port meanwhile. */
export class ListenFailed extends Error {}

/**
 * What listens for clients. Its certificate can be changed while sockets are open: the runtime cannot change that of a
 * server that listens, so another one takes its place, and the former keeps its sockets until they end (RT-22).
 */
export class Listener<T> {
  private current: Server<T>;
  /** Servers that listen no more and still have sockets. */
  private readonly former = new Set<Server<T>>();
  private readonly listen: Listen<T>;
  private tls: TlsPair | undefined;

  readonly port: number;

  constructor(listen: Listen<T>, port: number, tls: TlsPair | undefined) {
    this.listen = listen;
    this.tls = tls;
    this.current = listen(port, tls);
    this.port = this.current.port!;
  }

  publish(topic: string, frame: string): void {
    this.current.publish(topic, frame);
    for (const server of this.former) server.publish(topic, frame);
  }

  /**
   * Listens with another certificate from now on. Nobody can connect for less than a millisecond; sockets that are open
   * and requests under way stay. Throws when that one cannot be used: it goes on with the one before; or it throws
   * ListenFailed: then call it once more.
   */
  replaceTls(tls: TlsPair): void {
    const { current } = this;
    this.former.add(current);
    void current.stop(false).then(() => this.former.delete(current));
    try {
      this.current = this.listen(this.port, tls);
      this.tls = tls;
    } catch (error) {
      this.listenAgain();
      throw error;
    }
  }

  private listenAgain(): void {
    try {
      this.current = this.listen(this.port, this.tls);
    } catch (error) {
      throw new ListenFailed(
        `The port ${this.port} cannot be listened on again: ${(error as Error).message}`,
      );
    }
  }

  /** Stops to listen and ends all sockets. */
  async stop(): Promise<void> {
    await Promise.all([...this.former, this.current].map((server) => server.stop(true)));
  }
}
