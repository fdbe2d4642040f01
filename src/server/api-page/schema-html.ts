/** A JSON Schema, as docs/openapi.json has them. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly [bound: string]: unknown;
}

const BOUNDS = [
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "pattern",
  "default",
];

export function escapeHtml(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}

/** Text in which words between backquotes are code. */
export function codeHtml(text: string): string {
  return escapeHtml(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

/** Returns a schema as HTML: a component as a link to it, an object as a list of its fields. */
export function schemaHtml(schema: JsonSchema): string {
  const { $ref, anyOf, oneOf, items, properties, additionalProperties } = schema;
  if ($ref !== undefined) {
    const name = escapeHtml($ref.split("/").at(-1)!);
    return `<a href="#${name}">${name}</a>`;
  }
  const options = anyOf ?? oneOf;
  if (options !== undefined) return options.map(schemaHtml).join(" or ");
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) return schema.enum.map((value) => code(JSON.stringify(value))).join(" or ");
  const bounds = boundsHtml(schema);
  if (items !== undefined) return `list of ${schemaHtml(items)}${bounds}`;
  if (properties !== undefined && Object.keys(properties).length > 0) return fieldsHtml(schema);
  if (typeof additionalProperties === "object")
    return Object.keys(additionalProperties).length === 0
      ? "object"
      : `object of ${schemaHtml(additionalProperties)}`;
  const types = [schema.type ?? "any value"].flat().join(" or ");
  return `${escapeHtml(types)}${bounds}`;
}

function fieldsHtml({ properties = {}, required = [] }: JsonSchema): string {
  const fields = Object.entries(properties).map(
    ([name, field]) =>
      `<li><code>${escapeHtml(name)}${required.includes(name) ? "" : "?"}</code>: ${schemaHtml(field)}${textHtml(field)}</li>`,
  );
  return `<ul class="fields">${fields.join("")}</ul>`;
}

/** What a field means, behind its type. */
function textHtml({ description }: JsonSchema): string {
  return description === undefined ? "" : ` – ${codeHtml(description)}`;
}

function boundsHtml(schema: JsonSchema): string {
  const bounds = BOUNDS.filter((name) => schema[name] !== undefined).map(
    (name) => `${name} ${code(String(schema[name]))}`,
  );
  return bounds.length === 0 ? "" : ` (${bounds.join(", ")})`;
}

function code(text: string): string {
  return `<code>${escapeHtml(text)}</code>`;
}
