import type { ClientFrameType } from "../../../protocol/client-frames.ts";
import table from "./client-fields.json";

/** A field of a frame as the protocol's schema describes it (docs/generate.ts makes the table). */
export interface FrameField {
  readonly kind: "string" | "integer" | "boolean" | "object";
  readonly required: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly default?: unknown;
}

/** The fields of each frame that a client sends, without `type`. */
export const CLIENT_FIELDS = table as Readonly<Record<ClientFrameType, Readonly<Record<string, FrameField>>>>;

/** What stands in a form's fields: the text as it was typed, `true` or `false` of a box. Empty: left out. */
export type FieldValues = Readonly<Record<string, string>>;

/** What a form begins with. */
const INITIAL_VALUES: Readonly<Record<string, string>> = {
  text: "Hello {{n}}",
  id: "{{uuid}}",
  active: "true",
  seq: "1",
};

/** The values that a form of `type` begins with: what must be there, a text, and a name that an answer can be told by. */
export function initialValues(type: ClientFrameType): FieldValues {
  const entries = Object.entries(CLIENT_FIELDS[type]).map(([name, { required }]) => {
    return [name, required || Object.hasOwn(INITIAL_VALUES, name) ? (INITIAL_VALUES[name] ?? "") : ""];
  });
  return Object.fromEntries(entries);
}

/**
 * The frame's text. What was typed is kept also where it is wrong (a word for a number), so that the server can say so; a
 * variable stands without quotes where a number is meant.
 */
export function writeFrame(type: ClientFrameType, values: FieldValues): string {
  const fields = Object.entries(CLIENT_FIELDS[type]).flatMap(([name, { kind, required }]) => {
    const value = values[name] ?? "";
    return value === "" && !required ? [] : [`${JSON.stringify(name)}: ${literal(kind, value)}`];
  });
  return `{${[`"type": ${JSON.stringify(type)}`, ...fields].join(", ")}}`;
}

/** What the schema says about a field, for people: `whole number, 1 to 200`. */
export function describeField({
  kind,
  required,
  minimum,
  maximum,
  pattern,
  default: usual,
}: FrameField): string {
  const kinds = { string: "text", integer: "whole number", boolean: "true or false", object: "JSON object" };
  const bounds =
    minimum !== undefined && maximum !== undefined
      ? `${minimum} to ${maximum}`
      : minimum !== undefined
        ? `${minimum} or more`
        : "";
  const parts = [kinds[kind], bounds, pattern === undefined ? "" : "1 to 64 signs of ASCII"];
  const absent = usual === undefined || usual === "" ? "optional" : `otherwise ${usual}`;
  return [...parts.filter((part) => part !== ""), ...(required ? [] : [absent])].join(", ");
}

function literal(kind: FrameField["kind"], value: string): string {
  if (kind === "string") return JSON.stringify(value);
  if (/^\{\{(now|n)\}\}$/.test(value)) return value;
  try {
    JSON.parse(value);
    return value;
  } catch {
    return JSON.stringify(value);
  }
}
