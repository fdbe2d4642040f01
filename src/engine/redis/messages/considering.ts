// What would become of a message (`MessageLog.consider`): the script looks up its name and its sender, and the quota is read beside it.
import type { ConsiderResult, RateLimited } from "../../../core/ports/message-log.ts";
import type { Quota } from "../../../protocol/server-frames.ts";
import { decodeRefusal } from "../members/encoding.ts";

/** Returns the result of a message that was looked up, without the quota: `outcome`, `seq` or the end of a refusal, and the time. */
export function decodeConsidered([outcome, first, at]: readonly (string | number)[]): ConsiderResult {
  switch (outcome) {
    case 0:
      return { outcome: "acceptable" };
    case 2:
      return { outcome: "duplicate", seq: Number(first), at: Number(at), quota: null };
    case 3:
      return { outcome: "removed" };
    default:
      return decodeRefusal(Number(outcome), first!);
  }
}

type Considered = { readonly outcome: string; readonly quota?: Quota | null };

/** Puts the quota to a result, as `decidePost` of core/conversation/post-decision.ts does. */
export async function considerWith<R extends Considered = ConsiderResult>(
  look: (found: (result: R) => void) => void,
  readQuota: () => Promise<{ readonly quota: Quota | null; readonly retryAfter: number }>,
): Promise<R | RateLimited> {
  const [result, view] = await Promise.all([new Promise<R>(look), readQuota()]);
  if (result.outcome === "duplicate") return { ...result, quota: view.quota };
  return result.outcome === "acceptable" && view.retryAfter > 0
    ? { outcome: "rate_limited", retryAfter: view.retryAfter, quota: view.quota! }
    : result;
}
