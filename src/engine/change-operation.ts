import type { AcceptableChange, ChangeRequest, ChangeResult } from "../core/ports/conversation/changes.ts";

/** A change of a message. It is carried out in the same batch as posts, so that both have one order. */
export interface ChangeOperation {
  readonly kind: "change";
  /** `isTrial`: it is decided and not made (`Changes.consider`); only then the result can be `acceptable`. */
  readonly request: ChangeRequest & { readonly isTrial?: true };
  readonly done: (result: ChangeOutcome) => void;
}

export type ChangeOutcome = ChangeResult | AcceptableChange;

/** The operation of `Changes.change`. */
export function changeOperation(
  request: ChangeRequest,
  done: (result: ChangeResult) => void,
): ChangeOperation {
  return { kind: "change", request, done: done as ChangeOperation["done"] };
}

/** The operation of `Changes.consider`. */
export function trialOperation(request: ChangeRequest, done: ChangeOperation["done"]): ChangeOperation {
  return { kind: "change", request: { ...request, isTrial: true }, done };
}
