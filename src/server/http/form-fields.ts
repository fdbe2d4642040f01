/** A faulty field, in the form that clients of FastAPI read. */
export interface FieldFault {
  readonly type: "missing" | "string_type" | "repeated" | "json_invalid" | "form_invalid";
  readonly loc: readonly string[];
  readonly msg: string;
}

/** Values of each field by its name; a form may repeat a field, JSON may hold anything. */
type Fields = ReadonlyMap<string, readonly unknown[]>;

/** The text fields of a body, and what was wrong with those that were asked for. */
export interface FieldReader {
  readonly faults: readonly FieldFault[];
  /** The field's value; an empty one counts as missing. Where it is faulty, that is noted and the answer is undefined. */
  optional(name: string): string | undefined;
  /** The field's value; where it is missing or faulty, that is noted and the answer is empty. */
  required(name: string): string;
}

/** Reads a body of text fields: urlencoded, multipart or JSON. A body of another kind has no fields. */
export async function readFormFields(request: Request): Promise<FieldReader> {
  const fields = await readFields(request);
  if ("type" in fields) return { faults: [fields], optional: () => undefined, required: () => "" };
  const faults: FieldFault[] = [];
  const optional = (name: string): string | undefined => {
    const values = (fields.get(name) ?? []).filter((value) => value !== "" && value !== null);
    const [value] = values;
    // RFC 6749 §3.2: two readers of one request must not see different users.
    if (values.length > 1) faults.push(fault("repeated", name, "Field must not be repeated"));
    else if (value !== undefined && typeof value !== "string")
      faults.push(fault("string_type", name, "Input should be a valid string"));
    else return value;
    return undefined;
  };
  const required = (name: string): string => {
    const before = faults.length;
    const value = optional(name);
    if (value === undefined && faults.length === before)
      faults.push(fault("missing", name, "Field required"));
    return value ?? "";
  };
  return { faults, optional, required };
}

async function readFields(request: Request): Promise<Fields | FieldFault> {
  const type = request.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "application/json" || type.endsWith("+json")) return readJson(await request.text());
  if (type === "multipart/form-data") return readMultipart(request);
  if (type === "application/x-www-form-urlencoded")
    return grouped(new URLSearchParams(await request.text()).entries());
  return new Map();
}

function readJson(text: string): Fields | FieldFault {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return new Map(Object.entries(value).map(([name, field]) => [name, [field]]));
  } catch {}
  return { type: "json_invalid", loc: ["body"], msg: "Body should be a JSON object" };
}

async function readMultipart(request: Request): Promise<Fields | FieldFault> {
  try {
    return grouped((await request.formData()).entries());
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

function fault(type: FieldFault["type"], name: string, msg: string): FieldFault {
  return { type, loc: ["body", name], msg };
}
