// A verb of the HTTP API: the schemas of what is asked and answered, and the route that reads and writes by them. The schemas
// are data, so that a description of the API can be made from them.
import type { z } from "zod";
import { describeUnknownField } from "../../protocol/unknown-fields.ts";
import type { CallerDeps, FoundCaller } from "./caller.ts";
import type { HttpContext } from "./context.ts";
import { problem } from "./problem.ts";

/** The schemas of one verb. */
export interface VerbSchemas {
  /** The query; without it, the query is not read. */
  readonly query?: z.ZodObject;
  /** The JSON body; without it, the body is not read. */
  readonly body?: z.ZodType<object>;
  /** The JSON of each answer that is no refusal, by status; null for an answer without a body. */
  readonly answers: Readonly<Record<number, z.ZodType | null>>;
}

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

/** Reads the query of a request by its schema, or returns the refusal. A field may be there once. */
export function readQuery<S extends z.ZodObject>(
  { emit }: Pick<CallerDeps, "emit">,
  c: HttpContext,
  schema: S,
  { logFields }: Pick<FoundCaller, "logFields">,
): z.infer<S> | Response {
  const refuse = (detail: string) => {
    emit("request.invalid", { ...logFields, path: c.req.path, code: "invalid" });
    return problem("invalid", { detail });
  };
  const fields: Record<string, string> = {};
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (!Object.hasOwn(schema.shape, name))
      return refuse(describeUnknownField(name, Object.keys(schema.shape)));
    if (values.length > 1) return refuse(`\`${name}\`: must be there once.`);
    fields[name] = values[0]!;
  }
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  return refuse(`\`${path.join(".")}\`: ${message}.`);
}
