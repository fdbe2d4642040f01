// The bodies of HTTP requests about streams (docs/protocol/STREAMS.md).
import { z } from "zod";
import { Identifier } from "../identifiers.ts";
import { MAX_REQUEST_APPENDS } from "../limits.ts";
import { StreamAppendRequest, StreamEndRequest, StreamStartRequest } from "./stream-frames.ts";

const { id, data, reply_to, restart, epoch } = StreamStartRequest.shape;
const { n, text } = StreamAppendRequest.shape;

/** `POST …/streams`. `from`: for API keys, the user who writes. */
export const StreamStartBody = z.strictObject({
  ...{ id, data, reply_to, restart, epoch },
  from: Identifier.optional(),
});

const Append = z.strictObject(
  {
    n,
    // UTF-8 cannot write half of a surrogate pair.
    text: text.refine((one) => one.isWellFormed(), "holds half of a surrogate pair, which is no character"),
    data,
  },
  "must be an object with `n` and `text`",
);

/** `POST …/streams/{stream}`. */
export const StreamWriteBody = z.strictObject({
  generation: z.int("must be the number that the start was answered").min(1, "must be 1 or more"),
  appends: z
    .array(Append, "must be a list of `{n, text, data?}`, which may be empty")
    .max(MAX_REQUEST_APPENDS, `must have at most ${MAX_REQUEST_APPENDS} items`),
  end: z.strictObject({ state: StreamEndRequest.shape.state, data }, "must be `{state?, data?}`").optional(),
});

export type StreamWriteBody = z.output<typeof StreamWriteBody>;
