import type { Message } from "../../protocol/server-frames.ts";
import type { Result, Work } from "../work.ts";

/** What came of it, to be told after the commit. */
export interface Outcome {
  readonly work: Work;
  readonly result: Result;
  readonly announce?: { readonly conversation: string; readonly message: Message };
}
