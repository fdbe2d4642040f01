import type { Verdict } from "../../core/approval/answer.ts";
import { isSameTry, MAX_WAITING, type Try } from "../../core/approval/tries.ts";

/** Whose requests wait for each other. */
export interface Sender {
  readonly conversation: string;
  readonly user: string;
}

/**
 * Carries out one request. `shared`: the verdict about an earlier try of it, with which it has waited. MUST call `finish` once, with the
 * verdict where there is one.
 */
export type Carry = (shared: Verdict | undefined, finish: (verdict?: Verdict) => void) => void;

interface Waiting {
  readonly asked: Try | undefined;
  readonly carry: Carry;
  shared: Verdict | undefined;
}

/** The requests of each sender in each conversation: one is carried out after the other (AP2). */
export class SenderQueues {
  private readonly queues = new Map<string, Waiting[]>();

  /** Whether requests of the sender are being carried out, or wait. */
  has(sender: Sender): boolean {
    return this.queues.size > 0 && this.queues.has(keyOf(sender));
  }

  /** Carries out a request after those before it. `asked`: what it asks about, if it has to be approved. Returns false where too many wait. */
  add(sender: Sender, asked: Try | undefined, carry: Carry): boolean {
    const key = keyOf(sender);
    const waiting: Waiting = { asked, carry, shared: undefined };
    const queue = this.queues.get(key);
    if (queue === undefined) {
      const created = [waiting];
      this.queues.set(key, created);
      this.start(key, created);
      return true;
    }
    // Only those that have to be approved are refused: the others cost no question.
    if (asked !== undefined && queue.length > MAX_WAITING) return false;
    queue.push(waiting);
    return true;
  }

  private start(key: string, queue: Waiting[]): void {
    const { asked, carry, shared } = queue[0]!;
    carry(shared, (verdict) => {
      queue.shift();
      if (verdict !== undefined)
        for (const other of queue) if (isSameTry(asked, other.asked)) other.shared = verdict;
      if (queue.length === 0) this.queues.delete(key);
      else this.start(key, queue);
    });
  }
}

/** Names of conversations and users have no `/`. */
function keyOf({ conversation, user }: Sender): string {
  return `${conversation}/${user}`;
}
