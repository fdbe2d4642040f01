// JSON from clients and other machines. Its depth and its number of values are checked in the text, before it is parsed: a
// text of 64 KB can nest 32,000 deep, and code that walks such a value (a schema, JSON.stringify) takes seconds or overflows
// the stack.
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from "./limits.ts";

/** The limits of a text's structure. */
export interface JsonBounds {
  /** How deep it may nest; `[[1]]` has depth 2. */
  readonly depth: number;
  /** How many values it may hold in all: objects, arrays and scalars. */
  readonly values: number;
}

/** The value, or why it is refused: it is not JSON, or it has more structure than the limits allow. */
export type JsonResult =
  | { readonly value: unknown; readonly error?: undefined }
  | { readonly error: "malformed" | "too_large"; readonly value?: undefined };

const DEFAULT_BOUNDS: JsonBounds = { depth: MAX_JSON_DEPTH, values: MAX_JSON_VALUES };

/**
 * Texts up to this length are parsed without a check of their structure: they are too short to cost much time, and nearly
 * every frame is shorter.
 */
const MIN_CHECKED_LENGTH = 512;

/** Parses a text from outside. A refused text costs less than an accepted one. */
export function parseJson(text: string, bounds: JsonBounds = DEFAULT_BOUNDS): JsonResult {
  if (text.length > MIN_CHECKED_LENGTH && exceedsBounds(text, bounds)) return { error: "too_large" };
  try {
    return { value: JSON.parse(text) };
  } catch {
    return { error: "malformed" };
  }
}

/** Parses a text that must be a JSON object; anything else is `malformed`. */
export function parseJsonObject(
  text: string,
  bounds?: JsonBounds,
):
  | { readonly value: Record<string, unknown>; readonly error?: undefined }
  | Extract<JsonResult, { error: string }> {
  const parsed = parseJson(text, bounds);
  if (parsed.error !== undefined) return parsed;
  const { value } = parsed;
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? { value: value as Record<string, unknown> }
    : { error: "malformed" };
}

/**
 * Returns whether a text has more structure than `bounds` allow; for a text that is not JSON the result is arbitrary. It stops
 * at the first bracket beyond the limit, and skips strings.
 */
export function exceedsBounds(text: string, { depth, values }: JsonBounds): boolean {
  let open = 0;
  // Each value but the first comes after a comma or is the first one in its bracket.
  let count = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i + 1);
        break;
      case BRACKET:
      case BRACE:
        if (++open > depth || ++count > values) return true;
        break;
      case COMMA:
        if (++count > values) return true;
        break;
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        open--;
        break;
    }
  }
  return false;
}

/**
 * Returns the texts of the items of a JSON array, so that each can be read with bounds of its own; undefined where the text is no
 * array or has more than `most` items. It is one pass that parses nothing: an item may turn out not to be JSON.
 */
export function splitArray(text: string, most: number): string[] | undefined {
  const inner = text.trim();
  if (!inner.startsWith("[") || !inner.endsWith("]")) return undefined;
  const items: string[] = [];
  let depth = 0;
  let start = 1;
  for (let i = 1; i < inner.length - 1; i++) {
    switch (inner.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(inner, i + 1);
        break;
      case BRACKET:
      case BRACE:
        depth++;
        break;
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        depth--;
        break;
      case COMMA:
        if (depth !== 0) break;
        if (items.push(inner.slice(start, i)) >= most) return undefined;
        start = i + 1;
        break;
    }
  }
  const last = inner.slice(start, -1);
  return items.length === 0 && last.trim() === "" ? [] : [...items, last];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** The position of the quote that ends the string whose first character is at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (before >= start && text.charCodeAt(before) === BACKSLASH) before--;
    // An even number of backslashes are escapes of each other, and not of the quote.
    if ((end - before) % 2 === 1) return end;
  }
  return text.length;
}

/** A number of JSON, from its first character on (RFC 8259 §6). */
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/** Shorter numbers have digits that JavaScript keeps, or an exponent that is as exact as they are. */
const MIN_INEXACT_DIGITS = 16;

/** Longest number that is compared: the largest whole number that a double can be has 309 digits. */
const MAX_NUMBER_LENGTH = 400;

/**
 * Returns the whole numbers in a JSON text that JavaScript rounds, in their rounded form: 1285704473650888700 for
 * `1285704473650888702`. It makes one pass over the text, which MUST be JSON, without parsing it.
 */
export function inexactNumbers(text: string): ReadonlySet<number> {
  const found = new Set<number>();
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === QUOTE) i = endOfString(text, i + 1);
    else if (char === MINUS || (char >= ZERO && char <= NINE)) {
      NUMBER.lastIndex = i;
      const written = NUMBER.exec(text)?.[0] ?? "";
      if (written.length >= MIN_INEXACT_DIGITS && !isExact(written)) found.add(Number(written));
      i += Math.max(0, written.length - 1);
    }
  }
  return found;
}

/** Whether a number is no whole one, which is kept with the precision of a double, or is written again with its digits. */
function isExact(written: string): boolean {
  if (String(Number(written)) === written) return true;
  if (written.length > MAX_NUMBER_LENGTH) return !Number.isInteger(Number(written));
  const decimal = significant(written);
  return decimal.exponent < 0 || isSame(decimal, significant(String(Number(written))));
}

interface Significant {
  readonly sign: string;
  /** Without zeros in front and behind. */
  readonly digits: string;
  readonly exponent: number;
}

function isSame(a: Significant, b: Significant): boolean {
  return a.sign === b.sign && a.digits === b.digits && a.exponent === b.exponent;
}

/** A decimal number in one spelling: `-1.50e3` is `-15e2`. */
function significant(decimal: string): Significant {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(decimal) ?? [];
  const all = `${whole}${fraction}`.replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  return { sign, digits, exponent: Number(exponent) - fraction.length + all.length - digits.length };
}
