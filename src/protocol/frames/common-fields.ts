// Fields that frames of several kinds have.
import { z } from "zod";
import { Identifier } from "../identifiers.ts";

/**
 * The conversation that a frame is about. In a request it MUST be there on the socket of a user; on a socket of one conversation
 * it may be missing, and MUST name that conversation otherwise. The server sends it on the socket of a user, and never on a
 * socket of one conversation.
 */
export const OptionalConversation = Identifier.optional();

/** The epoch in which a client knows the conversation. */
export const Epoch = z.string("must be a string").max(128, "is too long");

/**
 * Any JSON object. `refuseData` (decode.ts) checks its content: a schema of each value would take twenty times as long, which
 * a client could use to keep a server busy.
 */
export const Data = z
  .custom<Record<string, z.core.util.JSONType>>(isPlainObject, "must be a JSON object")
  .meta({ type: "object" });

/** Whether a value from JSON is an object, and neither a list nor null. */
export function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
