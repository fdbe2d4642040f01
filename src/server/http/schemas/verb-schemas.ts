import type { z } from "zod";

/** The schemas of one verb. They are data, so that a description of the API can be made from them. */
export interface VerbSchemas {
  /** The query; without it, the request takes no query. A list is a field that may be there several times. */
  readonly query?: z.ZodObject;
  /** The JSON body. Without it, an operator's POST with fields is refused, and other bodies are not read. */
  readonly body?: z.ZodType<object>;
  /** The JSON of each answer that is no refusal, by status; null for an answer without a body. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
}
