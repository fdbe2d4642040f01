import type { HistoryRequest, HistoryResult, PostRequest, PostResult } from "../../core/engine.ts";
import type { Message } from "../../protocol/server-frames.ts";

/** What arrives in a turn of the event loop and is carried out in one transaction. */
export type Work =
  | { readonly kind: "post"; readonly request: PostRequest; readonly done: (result: PostResult) => void }
  | {
      readonly kind: "history";
      readonly request: HistoryRequest;
      readonly done: (result: HistoryResult) => void;
    }
  | {
      readonly kind: "mark";
      readonly request: { readonly conversation: string; readonly user: string; readonly seq: number };
      readonly done: (result: MarkResult) => void;
    };

export type WorkOf<K extends Work["kind"]> = Extract<Work, { kind: K }>;

export interface MarkResult {
  readonly outcome: "moved" | "stayed" | "unavailable";
}

export type Result = PostResult | HistoryResult | MarkResult;

/** What came of it, to be told after the commit. */
export interface Outcome {
  readonly work: Work;
  readonly result: Result;
  readonly announce?: { readonly conversation: string; readonly message: Message };
}
