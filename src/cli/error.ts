import { Command } from "commander";
import { escapedJson } from "../core/harmless.ts";
import {
  CLOSES,
  type CloseFound,
  closeFound,
  ERROR_CODES,
  type ErrorFound,
  errorFound,
  type Found,
  lookUp,
  nearest,
} from "./catalogue.ts";
import { Failure } from "./failure.ts";
import { print } from "./print.ts";

const NOTE = `
  parley error rate_limited
  parley error 4408
  parley error 429

docs/ERRORS.md has the same on one page.`;

/** `parley error [code]`: what a code means and what to do about it; all of them without one. */
export function errorCommand(): Command {
  return new Command("error")
    .argument("[code]", "an error's code, a close code or an HTTP status")
    .description("say what an error or close code means, and what to do")
    .option("--json", "answer as JSON, for scripts")
    .addHelpText("after", NOTE)
    .action((code: string | undefined, { json }: { json?: boolean }) => {
      if (code === undefined) return print(json ? inJson(everything()) : list());
      const found = lookUp(code);
      if (found === undefined) throw new Failure(unknown(code));
      print(json ? inJson(found) : inWords(found));
    });
}

function unknown(code: string): string {
  const near = nearest(code);
  const advice = near === undefined ? "" : ` Did you mean ${near}?`;
  return `${JSON.stringify(code)} is not a code of Parley's.${advice} \`parley error\` lists all.`;
}

function everything() {
  return { errors: ERROR_CODES.map(errorFound), closes: CLOSES.map(closeFound) };
}

function inJson(value: object): string {
  return escapedJson(value, 2);
}

function inWords(found: Found): string {
  if (found.kind === "error") return errorInWords(found);
  if (found.kind === "close") return closeInWords(found);
  return [`HTTP ${found.code} ${found.name}`, ...found.errors.map(errorInWords)].join("\n\n");
}

function errorInWords({ code, category, http, close, what, advice }: ErrorFound): string {
  const end =
    close === undefined ? "no socket is closed for it" : `close code ${close}, where it ends a socket`;
  return [`${code}: an error (${category}); HTTP ${http}; ${end}`, `  ${what}`, `  ${advice}`].join("\n");
}

function closeInWords({ code, reason, sent, reconnect, passes, advice, errors }: CloseFound): string {
  const origin = sent ? "" : " that Parley does not send";
  const lines = [
    `${code} ${reason}: a close code${origin}`,
    `  ${advice}`,
    reconnect
      ? "  A client comes back by itself, with back-off, and resumes."
      : `  A client does not come back by itself${passes ? ", unless `closing.retry_after` says when" : ""}.`,
  ];
  if (errors.length > 0) lines.push(`  Sent just before it, as an error: ${errors.join(", ")}.`);
  return lines.join("\n");
}

function list(): string {
  const width = Math.max(...ERROR_CODES.map(({ length }) => length));
  const errors = ERROR_CODES.map(errorFound).map(({ code, what }) => `  ${code.padEnd(width)}  ${what}`);
  const closes = CLOSES.map(closeFound).map(
    ({ code, reason, reconnect }) =>
      `  ${`${code}`.padEnd(width)}  ${reason}${reconnect ? "; come back" : ""}`,
  );
  return ["Errors", ...errors, "", "Close codes", ...closes, "", "parley error <code> says what to do."].join(
    "\n",
  );
}
