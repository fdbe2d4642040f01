import type { Entry } from "../../core/conversation/entry.ts";
import type { MemberNews } from "../../core/members/records.ts";
import type { ChargeOperation, ChargeResult, Operation, OperationResult } from "../operation.ts";

/** The outcome of one operation. It is delivered after the commit. */
export interface BatchOutcome {
  readonly operation: Operation | ChargeOperation;
  readonly result: OperationResult | ChargeResult;
  readonly announce?: { readonly conversation: string; readonly entry: Entry };
  /** The sender became a member with the announced message. */
  readonly joined?: MemberNews;
}
