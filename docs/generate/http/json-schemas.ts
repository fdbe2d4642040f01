// Makes JSON Schemas of schemas that refer to each other.
import { z } from "zod";
import { COMPONENTS } from "./components.ts";

/** A JSON Schema, or a part of one. */
export type JsonSchema = { [name: string]: unknown };

/** Returns the JSON Schema of each component by its name, and a function for the schemas of verbs. */
export function makeSchemas(others: Iterable<z.ZodType>): {
  readonly components: Readonly<Record<string, JsonSchema>>;
  /**
   * Returns a schema of `others` or a component: as a reference where it is a component. An answer may get further fields
   * later, so it is not closed; what is asked is.
   */
  of(schema: z.ZodType, direction: "asked" | "answered"): JsonSchema;
} {
  const registry = z.registry<{ id: string }>();
  const names = new Map<z.ZodType, string>();
  for (const [name, { schema }] of Object.entries(COMPONENTS)) names.set(schema, name);
  for (const schema of others) if (!names.has(schema)) names.set(schema, `${INNER}${names.size}`);
  for (const [schema, id] of names) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    unrepresentable: "any",
    uri: refTo,
  });
  const made = new Map(Object.entries(schemas).map(([name, schema]) => [name, clean(schema) as JsonSchema]));
  const components = Object.fromEntries(
    Object.entries(COMPONENTS).map(([name, { about, asked }]) => {
      const schema = made.get(name)!;
      return [name, { description: about, ...(asked ? schema : (open(schema) as JsonSchema)) }];
    }),
  );
  return {
    components,
    of: (schema, direction) => {
      const name = names.get(schema);
      if (name === undefined) throw new Error("The schema is not among those of the document.");
      if (!name.startsWith(INNER)) return { $ref: refTo(name) };
      const inner = made.get(name)!;
      return direction === "asked" ? inner : (open(inner) as JsonSchema);
    },
  };
}

/** Begins the name of a schema that is no component. */
const INNER = "inner-";

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}

/** Takes away what a part of the document does not have, and the bounds that each whole number has. */
function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object" || value === null) return value;
  // Only `z.json()` refers to itself, and so has its definition elsewhere: it is any value.
  if ("$ref" in value && String(value.$ref).startsWith(refTo("__shared"))) return {};
  if ("$ref" in value && String(value.$ref).startsWith(refTo(INNER)))
    throw new Error("A schema that two others have must be among the components.");
  const kept = Object.entries(value).filter(
    ([name, field]) =>
      !["$schema", "$id", "propertyNames"].includes(name) &&
      !(name === "maximum" && field === Number.MAX_SAFE_INTEGER) &&
      !(name === "minimum" && field === Number.MIN_SAFE_INTEGER),
  );
  const cleaned = Object.fromEntries(kept.map(([name, field]) => [name, clean(field)]));
  return isAnyObject(cleaned) ? { ...cleaned, additionalProperties: true } : cleaned;
}

/** Whether a schema is that of any JSON object. Generators take it for an empty one where nothing says that it has fields. */
function isAnyObject({ type, properties, additionalProperties }: JsonSchema): boolean {
  const isObject = type === "object" || (Array.isArray(type) && type.includes("object"));
  return isObject && properties === undefined && additionalProperties === undefined;
}

/** Lets the objects of a schema have further fields. */
function open(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(open);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(
    ([name, field]) => name !== "additionalProperties" || field !== false,
  );
  return Object.fromEntries(kept.map(([name, field]) => [name, open(field)]));
}
