/** A faulty field, in the form that clients of FastAPI read. */
export interface FieldFault {
  readonly type: "missing" | "string_type" | "repeated" | "json_invalid" | "form_invalid";
  readonly loc: readonly string[];
  readonly msg: string;
}

export type TokenRequestBody =
  | { readonly username: string; readonly password: string; readonly grantType: string | undefined }
  | { readonly faults: readonly FieldFault[] };

/** Values of each field by its name; a form may repeat a field, JSON may hold anything. */
type Fields = ReadonlyMap<string, readonly unknown[]>;

/** Reads the body of `POST /token`, urlencoded, multipart or JSON (S4). An empty field counts as missing. */
export async function readTokenRequest(request: Request): Promise<TokenRequestBody> {
  const fields = await readFields(request);
  if ("type" in fields) return { faults: [fields] };
  const faults: FieldFault[] = [];
  const read = (name: string, required: boolean): string => {
    const values = (fields.get(name) ?? []).filter((value) => value !== "" && value !== null);
    const [value] = values;
    if (values.length === 0 && required) faults.push(fault("missing", name, "Field required"));
    // RFC 6749 §3.2: two readers of one request must not see different users.
    else if (values.length > 1) faults.push(fault("repeated", name, "Field must not be repeated"));
    else if (value !== undefined && typeof value !== "string")
      faults.push(fault("string_type", name, "Input should be a valid string"));
    else return value ?? "";
    return "";
  };
  const username = read("username", true);
  const password = read("password", true);
  const grantType = read("grant_type", false);
  if (faults.length > 0) return { faults };
  return { username, password, grantType: grantType === "" ? undefined : grantType };
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
