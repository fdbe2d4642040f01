import type { Message as WireMessage } from "../protocol/server-frames.ts";

/** What an application puts beside a text, where it says nothing more of it: a JSON object. */
export type AnyData = Record<string, unknown>;

/** A message as everybody in the conversation sees it. `Data`: what the application puts beside its text. */
export type Message<Data extends object = AnyData> = Omit<WireMessage, "data"> & {
  readonly data?: Data | undefined;
};
