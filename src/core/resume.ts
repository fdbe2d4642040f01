/** What a client that was here before says of what it has seen. */
export interface ResumeRequest {
  /** The newest `seq` that it has. */
  readonly after: number;
  /** The life of the store in which it saw that; undefined when it does not say. */
  readonly epoch: string | undefined;
}

/** A conversation as the store has it. */
export interface Head {
  /** Newest `seq`; 0 where nobody has spoken. */
  readonly seq: number;
  /** Oldest `seq` that is kept; `seq` + 1 when none is. */
  readonly first: number;
  readonly epoch: string;
}

export interface ResumePlan {
  readonly resumed: boolean;
  /** Messages after this `seq` are sent. */
  readonly from: number;
  /** First and last `seq` of what was missed and can no longer be had. */
  readonly lost: readonly [number, number] | undefined;
}

/**
 * Decides what a client that comes back is sent (D4, D5).
 *
 * Another epoch, or a `seq` that the store never gave, means that the store is not the one the client knew: what it
 * has seen and what is here are not one history, so nothing is replayed and the client is told by `resumed: false`.
 */
export function planResume(request: ResumeRequest | undefined, head: Head): ResumePlan {
  const foreign = request?.epoch !== undefined && request.epoch !== head.epoch;
  if (request === undefined || foreign || request.after > head.seq) {
    return { resumed: false, from: head.seq, lost: undefined };
  }
  const { after } = request;
  const lost = after + 1 < head.first ? ([after + 1, head.first - 1] as const) : undefined;
  return { resumed: true, from: Math.max(after, head.first - 1), lost };
}
