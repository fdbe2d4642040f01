/** The port for the connections that a user's plan allows at a time, counted over all nodes. */
export interface ConnectionLeases {
  /** Takes one of the user's connections, of which the plan allows `limit` (0: any number); answers whether there was one left. */
  take(user: string, limit: number): Promise<boolean>;
  /** Gives one back. MUST NOT throw, nor be lost while the store is away. */
  giveBack(user: string): void;
}

/** Whether a user who has `held` connections may have another; a `limit` of 0 is none. */
export function mayTake(held: number, limit: number): boolean {
  return limit === 0 || held < limit;
}
