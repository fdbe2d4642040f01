import { STATUS_CODES } from "node:http";
import { CLOSE_CODES, describeClose, mayReconnect } from "../../protocol/close-codes.ts";
import { ERRORS, type ErrorCode, type ErrorEntry, errorEntry } from "../../protocol/errors.ts";
import { closestName } from "../../server/settings/closest-name.ts";

// Looks up a code in the catalogue. Pure, so that all of it can be tested.

/** An error of the catalogue, as `--json` shows it. */
export interface ErrorInfo extends ErrorEntry {
  readonly kind: "error";
  readonly code: ErrorCode;
}

/** A close code; `sent`: whether Parley sends it. Otherwise its meaning is known from its range only. */
export interface CloseCodeInfo {
  readonly kind: "close";
  readonly code: number;
  readonly reason: string;
  readonly sent: boolean;
  /** Whether clients should reconnect automatically. */
  readonly reconnect: boolean;
  /** Whether clients should reconnect if the `closing` frame says when, although they would not otherwise. */
  readonly passes?: true;
  readonly advice: string;
  /** The errors that may be sent just before it. */
  readonly errors: readonly ErrorCode[];
}

/** An HTTP status, with the errors that have it. */
export interface StatusInfo {
  readonly kind: "status";
  readonly code: number;
  /** `Too Many Requests`. */
  readonly name: string;
  readonly errors: readonly ErrorInfo[];
}

export type CodeInfo = ErrorInfo | CloseCodeInfo | StatusInfo;

/** All error codes, in the order of the catalogue. */
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];

/** The close codes that Parley sends or its clients see, in ascending order. */
export const KNOWN_CLOSE_CODES: readonly number[] = Object.keys(CLOSE_CODES).map(Number);

/** Returns the error with this code. */
export function errorInfo(code: ErrorCode): ErrorInfo {
  return { kind: "error", code, ...errorEntry(code) };
}

/** Returns the meaning of a close code, from its range if it has no entry. */
export function closeCodeInfo(code: number): CloseCodeInfo {
  const errors = ERROR_CODES.filter((each) => errorEntry(each).close === code);
  const sent = KNOWN_CLOSE_CODES.includes(code);
  return { kind: "close", code, ...describeClose(code), sent, reconnect: mayReconnect(code), errors };
}

/**
 * Finds an error code (`rate_limited`, `Rate-Limited`), a close code (1000–4999) or its reason (`replaced`), or an HTTP
 * status (429, `Too Many Requests`) of an error in the catalogue. Returns undefined if `text` is none of them.
 */
export function findCode(text: string): CodeInfo | undefined {
  const name = normalize(text);
  if (/^\d{4}$/.test(name) && Number(name) >= 1000 && Number(name) < 5000) return closeCodeInfo(Number(name));
  const error = ERROR_CODES.find((code) => code === name);
  if (error !== undefined) return errorInfo(error);
  const close = KNOWN_CLOSE_CODES.find((code) => normalize(describeClose(code).reason) === name);
  if (close !== undefined) return closeCodeInfo(close);
  const status = STATUSES.find((code) => `${code}` === name || normalize(statusName(code)) === name);
  if (status === undefined) return undefined;
  const errors = ERROR_CODES.filter((code) => errorEntry(code).http === status).map(errorInfo);
  return { kind: "status", code: status, name: statusName(status), errors };
}

/** Returns the code that was probably meant: up to two typing errors away, or the first with a similar word. */
export function closestCode(text: string): string | undefined {
  const name = normalize(text);
  const closest = closestName(name, [
    ...ERROR_CODES,
    ...KNOWN_CLOSE_CODES.map(String),
    ...STATUSES.map(String),
  ]);
  if (closest !== undefined || /^\d*$/.test(name)) return closest;
  const prefixes = name.split("_").map(prefixOf);
  const sharedWords = (code: ErrorCode) =>
    code.split("_").filter((word) => word.length >= SHARED_PREFIX_LENGTH && prefixes.includes(prefixOf(word)))
      .length;
  const [best] = ERROR_CODES.toSorted((a, b) => sharedWords(b) - sharedWords(a));
  return best !== undefined && sharedWords(best) > 0 ? best : undefined;
}

/** Letters that similar words have in common at their beginning: `inactivity` and `inactive`, `limit` and `limited`. */
const SHARED_PREFIX_LENGTH = 5;

const prefixOf = (word: string): string => word.slice(0, SHARED_PREFIX_LENGTH);

/** The HTTP statuses of all errors. */
const STATUSES = [...new Set(ERROR_CODES.map((code) => errorEntry(code).http))].sort((a, b) => a - b);

const statusName = (status: number): string => STATUS_CODES[status] ?? "";

/** Returns `text` in the form of codes: lower case, words joined by `_`. */
function normalize(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, "_");
}
