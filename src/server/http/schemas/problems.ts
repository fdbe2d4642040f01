// The schemas of refusals.
import { z } from "zod";
import { ErrorCodeName, Quota } from "../../../protocol/server-frames.ts";

/** Problem details (RFC 9457), with what some refusals say in addition. */
export const Problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  /** A sentence for people. */
  detail: z.string(),
  code: ErrorCodeName,
  /** Seconds until the request may succeed. */
  retry_after: z.number().optional(),
  quota: Quota.optional(),
  /** Of `conflict`: the epoch of the conversation. */
  epoch: z.string().optional(),
  /** Of `conflict`: the newest edit of the message. */
  rev: z.int().optional(),
  /** The message that an ended stream became. */
  seq: z.int().optional(),
  /** The newest append that the server has of a stream. */
  n: z.int().optional(),
  /** When a mute or a ban ends. */
  until: z.int().optional(),
  /** Why the operator's approval refused it. */
  reason: z.string().optional(),
  /** Of `internal`: under which the error is in the log. */
  id: z.string().optional(),
});

/** The refusals of `POST /token`: for libraries of OAuth 2 (RFC 6749 §5.2), and for clients of FastAPI, which read `detail`. */
export const OAuthProblem = z.looseObject({
  error: z.string(),
  error_description: z.string(),
  detail: z.union([
    z.string(),
    z.array(z.object({ type: z.string(), loc: z.array(z.string()), msg: z.string() })),
  ]),
  code: ErrorCodeName,
});
