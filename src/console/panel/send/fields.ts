import type { ClientFrameType } from "../../../protocol/client-frames.ts";
import table from "./client-fields.json";

/** A field of a frame, from the protocol's schema (docs/generate/main.ts writes the table). */
export interface FrameField {
  readonly kind: "string" | "integer" | "boolean" | "object" | "array";
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

/** The values of a form: the text as typed, or `true` or `false` for a checkbox. Empty fields are omitted. */
export type FieldValues = Readonly<Record<string, string>>;

/** The initial values of a form. */
const INITIAL_VALUES: Readonly<Record<string, string>> = {
  text: "Hello {{n}}",
  id: "{{uuid}}",
  active: "true",
  seq: "1",
  n: "1",
  stream: "AAAAAAAAAAAA",
  reaction: "👍",
  on: "true",
};

/** Returns the initial values for a frame of `type`: required fields, a text, an id to recognize the reply, and the conversation. */
export function initialValues(type: ClientFrameType, conversation: string): FieldValues {
  const entries = Object.entries(CLIENT_FIELDS[type]).map(([name, { required }]) => {
    if (name === "conversation") return [name, conversation];
    if (name === "conversations") return [name, conversationsOf(type, conversation || "lobby")];
    return [name, required || Object.hasOwn(INITIAL_VALUES, name) ? (INITIAL_VALUES[name] ?? "") : ""];
  });
  return Object.fromEntries(entries);
}

function conversationsOf(type: ClientFrameType, conversation: string): string {
  return JSON.stringify([type === "open" ? { conversation, last: 20 } : conversation]);
}

/**
 * Returns the frame's text. Invalid input (a word for a number) is kept, so that the server can reject it; a variable in a
 * number field is written without quotes.
 */
export function writeFrame(type: ClientFrameType, values: FieldValues): string {
  const fields = Object.entries(CLIENT_FIELDS[type]).flatMap(([name, { kind, required }]) => {
    const value = values[name] ?? "";
    return value === "" && !required ? [] : [`${JSON.stringify(name)}: ${literal(kind, value)}`];
  });
  return `{${[`"type": ${JSON.stringify(type)}`, ...fields].join(", ")}}`;
}

/** Describes a field for people: `whole number, 1 to 200`. */
export function describeField({
  kind,
  required,
  minimum,
  maximum,
  pattern,
  default: usual,
}: FrameField): string {
  const kinds = {
    string: "text",
    integer: "whole number",
    boolean: "true or false",
    object: "JSON object",
    array: "JSON list",
  };
  const bounds =
    minimum !== undefined && maximum !== undefined
      ? `${minimum} to ${maximum}`
      : minimum !== undefined
        ? `${minimum} or more`
        : "";
  const parts = [kinds[kind], bounds, pattern === undefined ? "" : describePattern(pattern)];
  const absent = usual === undefined || usual === "" ? "optional" : `otherwise ${usual}`;
  return [...parts.filter((part) => part !== ""), ...(required ? [] : [absent])].join(", ");
}

/** Fields with a pattern are the ids of messages and the names of conversations. */
function describePattern(pattern: string): string {
  return pattern.includes("\\x20") ? "1 to 64 signs of ASCII" : "1 to 128 letters, digits, . _ : @ -";
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
