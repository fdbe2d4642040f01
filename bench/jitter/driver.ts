/** The job of a program with a sender and receivers, as JSON in its first argument. */
export interface DriverJob {
  /** Addresses of the server: straight to it for the sender, through the proxy for the receivers. */
  readonly sender: string;
  readonly receivers: string;
  readonly count: number;
  /** A token for each, the sender's last, where the server wants one. */
  readonly tokens?: readonly string[];
}

/** The commands that it reads … */
export type DriverCommand = { readonly send: string } | { readonly stop: true };

/**
 * … and the events that it prints: a connection is open, at first or again (−1: the sender's), and a receiver got a
 * message.
 */
export type DriverEvent = { readonly up: number } | { readonly received: number; readonly text: string };

/** A peer's clients in a process of their own, each as its documents have it, driven by messages between processes. */
export class Driver implements AsyncDisposable {
  private readonly child: Bun.Subprocess;

  /** `onMessage` gets all its events; `onExit` is called when the process ends before it was stopped. */
  constructor(
    command: readonly string[],
    job: DriverJob,
    onMessage: (message: DriverEvent) => void,
    onExit: (code: number) => void,
  ) {
    this.child = Bun.spawn([...command, JSON.stringify(job)], {
      ipc: onMessage,
      // The form that Node understands too.
      serialization: "json",
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      onExit: (_child, code) => onExit(code ?? 1),
    });
  }

  send(text: string): void {
    this.child.send({ send: text } satisfies DriverCommand);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null) this.child.send({ stop: true } satisfies DriverCommand);
    await this.child.exited;
  }
}
