// What would become of a message (`MessageLog.consider`): the script looks up its name and its sender, and the quota is read beside it.
import type { ConsiderResult } from "../../../core/ports/message-log.ts";
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

/** Puts the quota to a result, as `decidePost` of core/conversation/post-decision.ts does. */
export async function considerWith(
  look: (found: (result: ConsiderResult) => void) => void,
  readQuota: () => Promise<{ readonly quota: Quota | null; readonly retryAfter: number }>,
): Promise<ConsiderResult> {
  const [result, view] = await Promise.all([new Promise(look), readQuota()]);
  if (result.outcome === "duplicate") return { ...result, quota: view.quota };
  return result.outcome === "acceptable" && view.retryAfter > 0
    ? { outcome: "rate_limited", retryAfter: view.retryAfter, quota: view.quota! }
    : result;
}
