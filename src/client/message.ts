import type { Message as WireMessage } from "../protocol/server-frames.ts";

/** The default type of a message's `data`: any JSON object. */
export type AnyData = Record<string, unknown>;

/** A message as all users of the conversation receive it. `Data`: the application's type of its `data`. */
export type Message<Data extends object = AnyData> = Omit<WireMessage, "data"> & {
  readonly data?: Data | undefined;
  /** This user's own reactions, in a message that was missed. */
  readonly mine?: readonly string[] | undefined;
};
