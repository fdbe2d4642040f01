import type {
  Charged,
  HistoryRequest,
  HistoryResult,
  PostRequest,
  PostResult,
  RateLimited,
  Unavailable,
} from "../core/ports/message-log.ts";

export interface MarkRequest {
  readonly conversation: string;
  readonly user: string;
  readonly seq: number;
  readonly epoch?: string | undefined;
}

export interface MarkResult {
  readonly outcome: "moved" | "stayed" | "unavailable";
}

/** A request to the engine. All operations of one turn of the event loop are carried out as one batch. */
export type Operation =
  | { readonly kind: "post"; readonly request: PostRequest; readonly done: (result: PostResult) => void }
  | {
      readonly kind: "history";
      readonly request: HistoryRequest;
      readonly done: (result: HistoryResult) => void;
    }
  | { readonly kind: "mark"; readonly request: MarkRequest; readonly done: (result: MarkResult) => void };

/** Several requests of a user that are charged together. */
export interface ChargeOperation {
  readonly kind: "charge";
  readonly request: { readonly user: string; readonly limit: number; readonly count: number };
  readonly done: (result: ChargeResult) => void;
}

export type ChargeResult = Charged | RateLimited | Unavailable;

export type OperationOf<K extends Operation["kind"]> = Extract<Operation, { kind: K }>;

export type OperationResult = PostResult | HistoryResult | MarkResult;
