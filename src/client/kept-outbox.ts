import type { OutboxStorage, Pending } from "./options.ts";

/** Writes what is pending to the caller's storage, one writing at a time, the newest state last. */
export class KeptOutbox {
  private writing: Promise<void> | undefined;
  private next: readonly Pending[] | undefined;
  private key: string | undefined;

  constructor(
    private readonly storage: OutboxStorage | undefined,
    private readonly onFault: (error: unknown) => void,
  ) {}

  /** Whether what is pending outlives this program. */
  get isKept(): boolean {
    return this.key !== undefined;
  }

  /** Reads once what was kept under `key`. A storage that cannot be read is not written either: it may hold something. */
  async load(key: string): Promise<readonly Pending[]> {
    if (this.storage === undefined || this.key !== undefined) return [];
    try {
      const kept = await this.storage.load(key);
      this.key = key;
      return kept;
    } catch (error) {
      this.onFault(error);
      return [];
    }
  }

  save(pending: readonly Pending[]): void {
    if (this.key === undefined) return;
    this.next = pending;
    this.writing ??= this.write(this.key).finally(() => (this.writing = undefined));
  }

  /** Resolves when everything is written. */
  async settled(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
  }

  private async write(key: string): Promise<void> {
    while (this.next !== undefined) {
      const pending = this.next;
      this.next = undefined;
      try {
        await this.storage?.save(key, pending);
      } catch (error) {
        this.onFault(error);
      }
    }
  }
}
