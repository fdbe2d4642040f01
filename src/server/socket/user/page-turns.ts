/**
 * The turns of the conversations of one socket that catch up: one page at a time, in the order in which they asked. Each
 * asks again after its page, so that all get pages in turn (MX2).
 */
export class PageTurns {
  private readonly waiting: (() => void)[] = [];
  private isTaken = false;

  /** Resolves when no other page is on its way. The turn ends with the disposal of the result. */
  async next(): Promise<Disposable> {
    if (this.isTaken) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.isTaken = true;
    return { [Symbol.dispose]: () => this.end() };
  }

  private end(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.isTaken = false;
    else next();
  }
}
