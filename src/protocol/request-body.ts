import { z } from "zod";
import { findDataError } from "./decode.ts";
import { describeUnknownField } from "./unknown-fields.ts";

export type BodyResult<T> =
  | { readonly body: T }
  | { readonly code: "invalid" | "too_large"; readonly message: string };

/** Reads the body of an HTTP request by its schema. `text` is the JSON that `value` was parsed from, with bounded depth and count. */
export function readBody<T>(schema: z.ZodType<T>, value: object, text: string): BodyResult<T> {
  for (const data of dataIn(value)) {
    const error = data === undefined || data === null ? undefined : findDataError(data, text);
    if (error !== undefined)
      return { code: error.code === "too_large" ? "too_large" : "invalid", message: error.message };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { body: parsed.data };
  const issue = parsed.error.issues[0]!;
  return { code: "invalid", message: describeIssue(schema, issue) };
}

/** The `data` of a body, of the objects in it, and of the items of its lists. */
function* dataIn(value: object): Iterable<unknown> {
  const { data, ...others } = value as Readonly<Record<string, unknown>>;
  yield data;
  for (const other of Object.values(others))
    for (const one of Array.isArray(other) ? other : [other])
      if (typeof one === "object" && one !== null) yield (one as { data?: unknown }).data;
}

function describeIssue(schema: z.ZodType, issue: z.core.$ZodIssue): string {
  if (issue.code !== "unrecognized_keys") return `\`${issue.path.join(".") || "body"}\`: ${issue.message}.`;
  return describeUnknownField([...issue.path, issue.keys[0]].join("."), fieldsAt(schema, issue.path));
}

/** The names of the fields of an object in a body. */
function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const step of path) {
    at =
      at instanceof z.ZodArray ? at.element : at instanceof z.ZodObject ? at.shape[String(step)] : undefined;
    if (at instanceof z.ZodOptional) at = at.unwrap();
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}
