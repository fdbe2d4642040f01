import type {
  Charged,
  ConsiderRequest,
  ConsiderResult,
  HistoryRequest,
  HistoryResult,
  PostRequest,
  PostResult,
  RateLimited,
  Unavailable,
} from "../core/ports/message-log.ts";
import type { ReadMarks } from "../core/ports/read-marks.ts";

export interface MarkRequest {
  /** As in PostRequest. */
  readonly exempt: boolean;
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
  | { readonly kind: "mark"; readonly request: MarkRequest; readonly done: (result: MarkResult) => void }
  | {
      readonly kind: "consider";
      readonly request: ConsiderRequest;
      readonly done: (result: ConsiderResult) => void;
    };

/** Several requests of a user that are charged together. */
export interface ChargeOperation {
  readonly kind: "charge";
  readonly request: { readonly user: string; readonly limit: number; readonly count: number };
  readonly done: (result: ChargeResult) => void;
}

export type ChargeResult = Charged | RateLimited | Unavailable;

export type OperationOf<K extends Operation["kind"]> = Extract<Operation, { kind: K }>;

export type OperationResult = PostResult | HistoryResult | MarkResult | ConsiderResult;

export type MarkArguments = Parameters<ReadMarks["setReadMark"]>;

/** `setReadMark` of both engines: enqueues the mark, and resolves when its batch is stored. */
export function requestMark(
  enqueue: (operation: OperationOf<"mark">) => void,
  [conversation, user, seq, epoch, exempt = false]: MarkArguments,
): Promise<number | undefined> {
  return new Promise((resolve) =>
    enqueue({
      kind: "mark",
      request: { conversation, user, seq, epoch, exempt },
      done: ({ outcome }) => resolve(outcome === "moved" ? seq : undefined),
    }),
  );
}
