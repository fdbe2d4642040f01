/** Calls that were sent and not answered, at most so many. After one has failed, all later ones reject with its error. */
export class CallsUnderWay {
  private readonly calls: Promise<void>[] = [];
  private failure: { readonly error: unknown } | undefined;

  constructor(private readonly most: number) {}

  /** Resolves when another call may be sent. */
  async add(call: Promise<unknown>): Promise<void> {
    const noted = call.then(
      () => {},
      (error: unknown) => {
        this.failure ??= { error };
      },
    );
    this.calls.push(noted);
    while (this.calls.length >= this.most) await this.calls.shift();
    this.rejectFailed();
  }

  /** Resolves when all calls were answered. */
  async drain(): Promise<void> {
    await Promise.all(this.calls.splice(0));
    this.rejectFailed();
  }

  private rejectFailed(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }
}
