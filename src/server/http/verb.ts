// What the routes of verbs read and write by their schemas.
import type { z } from "zod";
import type { CallerDeps, FoundCaller } from "./caller.ts";
import type { HttpContext } from "./context.ts";
import { problem } from "./problem.ts";
import type { VerbSchemas } from "./schemas/verb-schemas.ts";

type Answers<V extends VerbSchemas> = V["answers"];

/** Makes an answer of a verb: `reply(200, {…})`. What the schema does not have does not compile. It MUST NOT be cached. */
export type Reply<V extends VerbSchemas> = <S extends keyof Answers<V> & number>(
  status: S,
  ...body: Answers<V>[S] extends z.ZodType ? [z.input<Answers<V>[S]>] : []
) => Response;

export function replyOf<V extends VerbSchemas>(_verb: V): Reply<V> {
  return (status, ...[body]) => {
    const init = { status, headers: { "Cache-Control": "no-store" } };
    return body === undefined ? new Response(null, init) : Response.json(body, init);
  };
}

/** Reads the values of a query by its schema, or returns the refusal. Which fields it has is checked already (query/refuse-query.ts). */
export function readQuery<S extends z.ZodObject>(
  { emit }: Pick<CallerDeps, "emit">,
  c: HttpContext,
  schema: S,
  { logFields }: Pick<FoundCaller, "logFields">,
): z.infer<S> | Response {
  const parsed = schema.safeParse(c.req.query());
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  emit("request.invalid", { ...logFields, path: c.req.path, code: "invalid" });
  return problem("invalid", { detail: `\`${path.join(".")}\`: ${message}.` });
}
