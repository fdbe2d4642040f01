import type { Entry } from "../../core/conversation/entry.ts";
import type { MemberNews } from "../../core/members/records.ts";
import type { StoredChange } from "../../core/ports/conversation/changes.ts";
import type { StreamEvent } from "../../core/ports/conversation/streams.ts";
import type { ChangeOperation, ChangeOutcome } from "../change-operation.ts";
import type { ChargeOperation, ChargeResult, Operation, OperationResult } from "../operation.ts";
import type { StreamOperation, StreamResult } from "../stream-operation.ts";
import type { FeedOperation } from "./feed/operation.ts";

/** A message that was stored. */
export interface StoredMessage {
  readonly conversation: string;
  readonly entry: Entry;
}

/** An operation that a batch can carry out. */
export type QueuedOperation = Operation | ChargeOperation | StreamOperation | ChangeOperation | FeedOperation;

/** The outcome of one operation. It is delivered after the commit. */
export interface BatchOutcome {
  readonly operation: QueuedOperation;
  readonly result:
    | OperationResult
    | ChargeResult
    | StreamResult
    | ChangeOutcome
    | { readonly outcome: "done" };
  readonly announce?: StoredMessage;
  /** The sender became a member with the announced message. */
  readonly joined?: MemberNews | undefined;
  /** Messages that streams have become, and then what happened to streams. */
  readonly messages?: readonly StoredMessage[];
  readonly events?: readonly StreamEvent[];
  readonly changed?: StoredChange;
}
