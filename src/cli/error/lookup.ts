import { STATUS_CODES } from "node:http";
import { CLOSE_CODES, describeClose, mayReconnect } from "../../protocol/close-codes.ts";
import { ERRORS, type ErrorCode, type ErrorEntry, errorEntry } from "../../protocol/errors.ts";
import { closestName } from "../../server/settings/closest-name.ts";

// What the catalogue says about a code that somebody met: pure, so that every word of it can be tested.

/** An error of the catalogue, as `--json` shows it. */
export interface ErrorInfo extends ErrorEntry {
  readonly kind: "error";
  readonly code: ErrorCode;
}

/** A close code; `sent` says whether Parley sends it, or what is known comes from its range only. */
export interface CloseCodeInfo {
  readonly kind: "close";
  readonly code: number;
  readonly reason: string;
  readonly sent: boolean;
  /** Whether a client should come back by itself. */
  readonly reconnect: boolean;
  /** Whether it should where the `closing` frame says so, though it would not otherwise. */
  readonly passes?: true;
  readonly advice: string;
  /** The errors that may be told just before it. */
  readonly errors: readonly ErrorCode[];
}

/** An HTTP status, with the errors that are answered with it. */
export interface StatusInfo {
  readonly kind: "status";
  readonly code: number;
  /** `Too Many Requests`. */
  readonly name: string;
  readonly errors: readonly ErrorInfo[];
}

export type CodeInfo = ErrorInfo | CloseCodeInfo | StatusInfo;

/** All codes of errors, in the order of the catalogue. */
export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];

/** The close codes that Parley sends or its clients see, in rising order. */
export const KNOWN_CLOSE_CODES: readonly number[] = Object.keys(CLOSE_CODES).map(Number);

/** The error called `code`. */
export function errorInfo(code: ErrorCode): ErrorInfo {
  return { kind: "error", code, ...errorEntry(code) };
}

/** What close code `code` means, by its range where it has no entry of its own. */
export function closeCodeInfo(code: number): CloseCodeInfo {
  const errors = ERROR_CODES.filter((each) => errorEntry(each).close === code);
  const sent = KNOWN_CLOSE_CODES.includes(code);
  return { kind: "close", code, ...describeClose(code), sent, reconnect: mayReconnect(code), errors };
}

/**
 * What `text` stands for: an error's code (`rate_limited`, `Rate-Limited`), a close code (1000–4999) or its reason
 * (`replaced`), an HTTP status (429, `Too Many Requests`) that an error of the catalogue has. Undefined when it is none of them.
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

/** The code that `text` was probably meant to be: two slips away, or the first that shares the beginning of a word. */
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

/** Letters that two words must begin with to be kin: `inactivity` and `inactive`, `limit` and `limited`. */
const SHARED_PREFIX_LENGTH = 5;

const prefixOf = (word: string): string => word.slice(0, SHARED_PREFIX_LENGTH);

/** The statuses that some error is answered with. */
const STATUSES = [...new Set(ERROR_CODES.map((code) => errorEntry(code).http))].sort((a, b) => a - b);

const statusName = (status: number): string => STATUS_CODES[status] ?? "";

/** As codes are written: small letters, words joined by `_`. */
function normalize(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, "_");
}
