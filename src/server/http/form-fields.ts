import type { Emit } from "../../core/events/events.ts";
import { JSON_TOO_LARGE } from "../../protocol/decode.ts";
import { parseJsonObject } from "../../protocol/json.ts";
import { NOT_UTF_8, readText, refuseBody } from "./body.ts";
import type { HttpContext } from "./context.ts";

/** The error of a field, in the format of FastAPI, which its clients read. */
export interface FieldError {
  readonly type: "missing" | "string_type" | "repeated" | "json_invalid" | "form_invalid" | "content_type";
  readonly loc: readonly string[];
  readonly msg: string;
}

/** The values of each field by its name. A form may repeat a field; in JSON a value may have any type. */
type Fields = ReadonlyMap<string, readonly unknown[]>;

/** The text fields of a body, and the errors of the requested ones. */
export interface FieldReader {
  /** The names of all fields of the body. */
  readonly names: readonly string[];
  readonly errors: readonly FieldError[];
  /** Returns the field's value; undefined if it is missing or empty, or if it is wrong, which is recorded as an error. */
  optional(name: string): string | undefined;
  /** Returns the field's value; an empty text if it is missing or wrong, which is recorded as an error. */
  required(name: string): string;
}

/**
 * Reads a body of text fields: urlencoded, multipart or JSON. JSON is also read without a content type, and under that of a
 * form, which `curl -d` sends. A body of another type is an error. Returns the refusal of a body that is too large or not UTF-8.
 */
export async function readFormFields(emit: Emit, c: HttpContext): Promise<FieldReader | Response> {
  const fields = await readFields(emit, c);
  if (fields instanceof Response) return fields;
  if ("type" in fields) return { names: [], errors: [fields], optional: () => undefined, required: () => "" };
  const errors: FieldError[] = [];
  const optional = (name: string): string | undefined => {
    const values = (fields.get(name) ?? []).filter((value) => value !== "" && value !== null);
    const [value] = values;
    // RFC 6749 §3.2: two programs that read one request must not see different users.
    if (values.length > 1) errors.push(fieldError("repeated", name, "Field must not be repeated"));
    else if (value !== undefined && typeof value !== "string")
      errors.push(fieldError("string_type", name, "Input should be a valid string"));
    else return value;
    return undefined;
  };
  const required = (name: string): string => {
    const before = errors.length;
    const value = optional(name);
    if (value === undefined && errors.length === before)
      errors.push(fieldError("missing", name, "Field required"));
    return value ?? "";
  };
  return { names: [...fields.keys()], errors, optional, required };
}

async function readFields(emit: Emit, c: HttpContext): Promise<Fields | FieldError | Response> {
  const contentType = c.req.header("Content-Type") ?? "";
  const type = contentType.split(";")[0]?.trim().toLowerCase() ?? "";
  const text = await readText(emit, c);
  if (text instanceof Response) return text;
  if (isJson(type, text)) {
    const { value, error } = parseJsonObject(text);
    if (error === "too_large") return refuseBody(emit, c, "too_large", JSON_TOO_LARGE);
    if (error !== undefined)
      return { type: "json_invalid", loc: ["body"], msg: "Body should be a JSON object" };
    return new Map(Object.entries(value).map(([name, field]) => [name, [field]]));
  }
  if (type === "multipart/form-data") return readMultipart(text, contentType);
  if (text === "") return new Map();
  if (type !== FORM_TYPE)
    return {
      type: "content_type",
      loc: ["header", "content-type"],
      msg: `Body should be a form or JSON: send \`Content-Type: ${FORM_TYPE}\` or \`application/json\``,
    };
  return hasUtf8Escapes(text)
    ? grouped(new URLSearchParams(text).entries())
    : refuseBody(emit, c, "malformed", NOT_UTF_8);
}

const FORM_TYPE = "application/x-www-form-urlencoded";

/**
 * Whether a body is JSON. No form of a browser begins with `{`, which it encodes as `%7B`. `text/plain` is not read: a form of any
 * page can send it (W2).
 */
function isJson(type: string, text: string): boolean {
  if (type === "application/json" || type.endsWith("+json")) return true;
  return (type === "" || type === FORM_TYPE) && text.trimStart().startsWith("{");
}

/** Returns whether the bytes that a form encodes as `%E9` are UTF-8. The parser would replace others by U+FFFD. */
function hasUtf8Escapes(text: string): boolean {
  try {
    for (const [escapes] of text.matchAll(/(?:%[0-9a-f]{2})+/gi)) decodeURIComponent(escapes);
    return true;
  } catch {
    return false;
  }
}

async function readMultipart(text: string, contentType: string): Promise<Fields | FieldError> {
  try {
    const body = new Response(text, { headers: { "Content-Type": contentType } });
    return grouped((await body.formData()).entries());
  } catch {
    return { type: "form_invalid", loc: ["body"], msg: "Body should be valid multipart/form-data" };
  }
}

function grouped(entries: Iterable<[string, unknown]>): Fields {
  const fields = new Map<string, unknown[]>();
  for (const [name, value] of entries) {
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  return fields;
}

function fieldError(type: FieldError["type"], name: string, msg: string): FieldError {
  return { type, loc: ["body", name], msg };
}
