import type { AnyData, Message } from "../message.ts";
import type { ParleyError } from "../types/error.ts";
import type { PendingChange } from "../types/options.ts";

/** A change of this user that is not acked yet, or was refused. */
export interface Changing {
  readonly id: string;
  readonly type: PendingChange["type"];
  /** `failed`: the entry shows the message without it, until it is retried or discarded. */
  readonly state: "pending" | "failed";
  readonly error?: ParleyError | undefined;
  readonly text?: string | undefined;
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
  readonly reason?: string | undefined;
  readonly reaction?: string | undefined;
  readonly on?: boolean | undefined;
}

/** A message of the list. An own one is there from the moment at which it is written. */
export type Entry<Data extends object = AnyData> = Omit<Message<Data>, "seq" | "mine"> & {
  /** The same from writing to storing: to recognize the entry across redraws. */
  readonly key: string;
  /** `failed`: until it is retried or discarded. `streaming`: it is still being written, and grows. */
  readonly state: "pending" | "failed" | "streaming" | "stored";
  /** While it is `streaming`: the handle of the stream, for `cancel`. */
  readonly streamId?: string;
  /** Missing until it is stored. */
  readonly seq?: number;
  /** Written by this user. */
  readonly own: boolean;
  /** This user's own reactions. */
  readonly myReactions: readonly string[];
  /** This user's own changes that are not acked yet, which are shown as if they were made, and those that failed. */
  readonly changing?: readonly Changing[];
  /** Why it failed. */
  readonly error?: ParleyError;
};
