// The bodies and queries of HTTP requests that change messages (docs/protocol/CHANGES.md).
import { z } from "zod";
import { Identifier } from "../identifiers.ts";
import { EditRequest, EraseRequest, ReactRequest } from "./change-frames.ts";

const { text, data, if_rev, epoch, id } = EditRequest.shape;

/** For API keys: the user who makes the change. */
const from = Identifier.optional();

/** `PATCH …/messages/{seq}`. */
export const EditBody = z
  .strictObject({
    text: text.refine(
      (one) => one?.isWellFormed() !== false,
      "holds half of a surrogate pair, which is no character",
    ),
    ...{ data, if_rev, epoch, id, from },
  })
  .refine((body) => body.text !== undefined || body.data !== undefined, {
    path: ["text"],
    message: "must be there, or `data`",
  });

/** The query of `DELETE …/messages/{seq}`. */
export const EraseQuery = z.strictObject({ reason: EraseRequest.shape.reason, epoch, from });

/** The query of `PUT` and `DELETE …/messages/{seq}/reactions/{reaction}`, with the reaction in the address. */
export const ReactQuery = z.strictObject({ reaction: ReactRequest.shape.reaction, epoch, from });
