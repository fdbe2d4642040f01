import type { ChangeRequest, ChangeResult } from "../core/ports/conversation/changes.ts";

/** A change of a message. It is carried out in the same batch as posts, so that both have one order. */
export interface ChangeOperation {
  readonly kind: "change";
  readonly request: ChangeRequest;
  readonly done: (result: ChangeResult) => void;
}
