import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { isatty } from "node:tty";

/** Most bytes that wait for a reader: some 5,000 lines of 200 bytes. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Time until the next attempt, in milliseconds: after the reader was slow, and after writing failed. */
const SLOW_READER_RETRY_MS = 20;
const FAILURE_RETRY_MS = 1000;

/** Milliseconds between two attempts while lines come in. */
const MIN_RETRY_MS = 1;

export interface LogOutputOptions {
  /** Bytes that may wait. */
  readonly capacity?: number;
  /** Called when lines that were dropped have left a gap, and before the next line is written. */
  readonly onDropped?: (lines: number) => void;
}

/**
 * Writes lines to a descriptor, in order, and never waits for the reader (RT-19). A line is written before
 * `write` returns, so that a crash loses none, unless the reader has stopped, the disk is full or the pipe is broken:
 * then lines wait, up to `capacity` bytes; those beyond are dropped and counted.
 */
export class LogOutput {
  onDropped: (lines: number) => void;

  private readonly descriptor: number;
  private readonly capacity: number;
  private readonly waiting: Uint8Array[] = [];
  /** Bytes that wait. */
  private waitingBytes = 0;
  /** Bytes of the first waiting line that are written already. */
  private writtenOfFirst = 0;
  private dropped = 0;
  private timer: NodeJS.Timeout | undefined;
  private nextTry = 0;
  private isReaderSlow = false;

  constructor(
    descriptor: number,
    { capacity = MAX_WAITING_BYTES, onDropped = () => {} }: LogOutputOptions = {},
  ) {
    this.descriptor = nonBlocking(descriptor);
    this.capacity = capacity;
    this.onDropped = onDropped;
  }

  /** `text` is one or more whole lines. */
  write(text: string): void {
    if (this.isBlocked && performance.now() >= this.nextTry) this.tryWaiting();
    const bytes = Buffer.from(text);
    if (this.isBlocked && (this.dropped > 0 || this.waitingBytes + bytes.length > this.capacity)) {
      this.dropped++;
      return;
    }
    const mustWait = this.isBlocked;
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (!mustWait) this.tryWaiting();
  }

  /** Waits until all is written, but only for a reader that is slow, and at most `timeoutMs` milliseconds. */
  async flush(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      this.tryWaiting();
      if (!this.isBlocked || !this.isReaderSlow || performance.now() >= deadline) return;
      await Bun.sleep(SLOW_READER_RETRY_MS);
    }
  }

  private get isBlocked(): boolean {
    return this.waiting.length > 0;
  }

  private tryWaiting(): void {
    while (this.waiting.length > 0) {
      const [bytes] = this.waiting as [Uint8Array];
      try {
        this.writtenOfFirst += writeSync(this.descriptor, bytes, this.writtenOfFirst);
      } catch (error) {
        this.tryLater((error as NodeJS.ErrnoException).code === "EAGAIN");
        return;
      }
      if (this.writtenOfFirst < bytes.length) continue;
      this.waiting.shift();
      this.waitingBytes -= bytes.length;
      this.writtenOfFirst = 0;
    }
    if (this.dropped === 0) return;
    const lines = this.dropped;
    this.dropped = 0;
    this.onDropped(lines);
  }

  private tryLater(isReaderSlow: boolean): void {
    this.isReaderSlow = isReaderSlow;
    this.nextTry = performance.now() + (isReaderSlow ? MIN_RETRY_MS : FAILURE_RETRY_MS);
    if (this.timer !== undefined) return;
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.tryWaiting();
      },
      isReaderSlow ? SLOW_READER_RETRY_MS : FAILURE_RETRY_MS,
    );
    this.timer.unref();
  }
}

/**
 * Opens `descriptor` once more, so that writing does not wait. The runtime sets that for pipes and sockets by itself, but
 * not for terminals; and the flag is shared by all processes that have the pipe, each of which can clear it again.
 */
function nonBlocking(descriptor: number): number {
  if (process.platform !== "linux") return descriptor;
  try {
    if (!fstatSync(descriptor).isFIFO() && !isatty(descriptor)) return descriptor;
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A pipe of another user, or one whose reader has gone, cannot be opened again; the given descriptor can be written.
    return descriptor;
  }
}
