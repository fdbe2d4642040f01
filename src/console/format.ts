import { type ErrorEntry, errorEntry } from "../protocol/errors.ts";
import type { UserFacingError } from "./client/state.ts";

/** Formats a duration: `4 s`, `1:05 min`, `1:02:05 h`. Rounded up, so that a countdown never shows 0 too early. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (seconds < 60) return `${seconds} s`;
  if (minutes < 60) return `${minutes}:${two(seconds % 60)} min`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)} h`;
}

/** Formats a number of bytes: `83 B`, `1.2 KiB`. */
export function formatBytes(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} KiB`;
}

/** Returns `1 message`, `2 messages`. */
export function pluralize(amount: number, noun: string): string {
  return `${amount.toLocaleString("en")} ${noun}${amount === 1 ? "" : "s"}`;
}

/** Returns `ann`, `ann and ben`, `ann, ben and 2 others`. */
export function listNames(names: readonly string[]): string {
  const shown = names.length > 3 ? names.slice(0, 2) : names;
  const hidden = names.length - shown.length;
  const parts = hidden > 0 ? [...shown, `${hidden} others`] : shown;
  return parts.length < 2
    ? parts.join("")
    : `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1]}`;
}

/** Formats the hour and minute of a moment, in the reader's locale. */
export function clockTime(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** Formats the hour, minute and second of a moment in seconds since 1970, for the charts. */
export function timeOfDay(seconds: number): string {
  return preciseTime(seconds * 1000).slice(0, 8);
}

/** Formats the hour, minute, second and millisecond of a moment, for the frame log. */
export function preciseTime(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Formats the day of a moment: `Today`, `Yesterday`, or its date. */
export function dayName(at: number, now: number): string {
  const day = new Date(at).toDateString();
  if (day === new Date(now).toDateString()) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (day === yesterday.toDateString()) return "Yesterday";
  return new Date(at).toLocaleDateString([], {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
  });
}

/** Formats milliseconds: `0.42 ms`, `18 ms`, `1.25 s`. */
export function formatMs(time: number): string {
  if (time < 0.995) return `${time.toFixed(2)} ms`;
  if (time < 9.95) return `${time.toFixed(1)} ms`;
  if (time < 999.5) return `${Math.round(time)} ms`;
  return time < 60_000 ? `${(time / 1000).toFixed(2)} s` : formatDuration(time);
}

/** Returns the server's text of an error, followed by advice. */
export function explainError(error: UserFacingError): string {
  // The catalogue lacks the codes of the client library and of newer servers: only their text is available.
  const entry = errorEntry(error.code as never) as ErrorEntry | undefined;
  if (entry === undefined) return withoutBackticks(error.message);
  const text = withoutBackticks(error.message || entry.what);
  // The advice of `rate_limited` is for programs (`retry_after`); people see the countdown. That of `rejected` is for programs, too.
  return error.code === "rate_limited" || error.code === "rejected"
    ? text
    : `${text} ${withoutBackticks(entry.advice)}`;
}

/** Removes the backticks that mark code, because the page would show them. */
export function withoutBackticks(text: string): string {
  return text.replaceAll("`", "");
}
