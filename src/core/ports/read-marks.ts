// The port for read marks: up to where each user has read a conversation. `test/contracts/engine.ts` is the contract in executable form.

export interface ReadMarks {
  /**
   * Stores that `user` has read up to `seq`. Resolves with the new mark when it is stored as safely as a message; undefined
   * when it did not move or could not be stored. MUST NOT move a mark back, nor beyond the newest `seq`. Calls of one user
   * MUST take effect in their order, and after the posts that were made before them. MUST NOT store a mark that
   * `refusesMark` (core/members/speech.ts) refuses at that moment. `epoch` and `exempt` as in PostRequest.
   */
  setReadMark(
    conversation: string,
    user: string,
    seq: number,
    epoch?: string,
    exempt?: boolean,
  ): Promise<number | undefined>;

  /** Returns the read marks of `users` in a conversation; users without a mark are missing. What it costs MUST NOT depend on others. */
  readMarks(conversation: string, users: readonly string[]): Promise<ReadonlyMap<string, number>>;
}
