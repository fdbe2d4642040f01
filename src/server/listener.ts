import type { Server } from "bun";

/** A certificate with those that vouch for it, and its key, in PEM form. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** Begins to listen on `port`; 0 is any free one. Throws what the system says. */
export type Listen<T> = (port: number, tls: TlsPair | undefined) => Server<T>;

/** Raised when no client can connect, because another program has taken the port meanwhile. */
export class ListenFailed extends Error {}

/**
 * The servers of the runtime that serve clients: one that listens, and those before it. The runtime cannot change the certificate of a
 * server that listens, so another one takes its place, and the former keeps its sockets until they end (RT-22). While listening is
 * paused there are only former ones.
 */
export class Listener<T> {
  private current: Server<T> | undefined;
  /** Servers that listen no more and still have sockets. */
  private readonly former = new Set<Server<T>>();
  private readonly listen: Listen<T>;
  private tls: TlsPair | undefined;

  readonly port: number;

  constructor(listen: Listen<T>, port: number, tls: TlsPair | undefined) {
    this.listen = listen;
    this.tls = tls;
    const first = listen(port, tls);
    this.current = first;
    this.port = first.port!;
  }

  publish(topic: string, frame: string): void {
    this.current?.publish(topic, frame);
    for (const server of this.former) server.publish(topic, frame);
  }

  /** Stops to listen until `resume`: clients cannot connect. Sockets that are open and requests in progress stay. */
  pause(): void {
    const { current } = this;
    if (current === undefined) return;
    this.former.add(current);
    this.current = undefined;
    void current.stop(false).then(() => this.former.delete(current));
  }

  /**
   * Listens with another certificate from now on. For less than a millisecond clients cannot connect; sockets that are open
   * and requests in progress stay. Throws when the certificate cannot be used, and goes on with the one before; or it throws
   * ListenFailed: then call it once more. While listening is paused the certificate is for `resume`.
   */
  replaceTls(tls: TlsPair): void {
    const isPaused = this.current === undefined;
    this.pause();
    try {
      this.current = this.listen(this.port, tls);
      this.tls = tls;
      if (isPaused) this.pause();
    } catch (error) {
      if (!isPaused) this.resume();
      throw error;
    }
  }

  /** Listens again after `pause`. Throws ListenFailed. */
  resume(): void {
    if (this.current !== undefined) return;
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
    await Promise.all([...this.former, this.current].map((server) => server?.stop(true)));
  }
}
