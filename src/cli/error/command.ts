import { Command } from "commander";
import { escapedJson } from "../../core/escape-control-chars.ts";
import { UsageError } from "../cli-error.ts";
import { print } from "../terminal/print.ts";
import {
  type CloseCodeInfo,
  type CodeInfo,
  closeCodeInfo,
  closestCode,
  ERROR_CODES,
  type ErrorInfo,
  errorInfo,
  findCode,
  KNOWN_CLOSE_CODES,
} from "./lookup.ts";

const NOTE = `
  parley error rate_limited
  parley error 4408
  parley error 429

docs/ERRORS.md documents all codes.`;

/** `parley error [code]`: explains a code and what to do about it; without a code, lists all. */
export function errorCommand(): Command {
  return new Command("error")
    .argument("[code]", "an error's code, a close code or an HTTP status")
    .description("explain an error or close code, and what to do")
    .option("--json", "print JSON, for scripts")
    .addHelpText("after", NOTE)
    .action((code: string | undefined, { json }: { json?: boolean }) => {
      if (code === undefined) return print(json ? formatJson(allCodes()) : formatList());
      const found = findCode(code);
      if (found === undefined) throw new UsageError(unknownCodeMessage(code));
      print(json ? formatJson(found) : formatCode(found));
    });
}

function unknownCodeMessage(code: string): string {
  const closest = closestCode(code);
  const advice = closest === undefined ? "" : ` Did you mean ${closest}?`;
  return `${JSON.stringify(code)} is not a code of Parley.${advice} \`parley error\` lists all.`;
}

function allCodes() {
  return { errors: ERROR_CODES.map(errorInfo), closes: KNOWN_CLOSE_CODES.map(closeCodeInfo) };
}

function formatJson(value: object): string {
  return escapedJson(value, 2);
}

function formatCode(found: CodeInfo): string {
  if (found.kind === "error") return formatError(found);
  if (found.kind === "close") return formatCloseCode(found);
  return [`HTTP ${found.code} ${found.name}`, ...found.errors.map(formatError)].join("\n\n");
}

function formatError({ code, category, http, close, what, advice }: ErrorInfo): string {
  const end =
    close === undefined ? "it does not close the socket" : `close code ${close}, if it closes the socket`;
  return [`${code}: an error (${category}); HTTP ${http}; ${end}`, `  ${what}`, `  ${advice}`].join("\n");
}

function formatCloseCode({ code, reason, sent, reconnect, passes, advice, errors }: CloseCodeInfo): string {
  const origin = sent ? "" : " that Parley does not send";
  const lines = [
    `${code} ${reason}: a close code${origin}`,
    `  ${advice}`,
    reconnect
      ? "  Clients reconnect automatically, with back-off, and resume."
      : `  Clients do not reconnect automatically${passes ? ", unless `closing.retry_after` says when" : ""}.`,
  ];
  if (errors.length > 0) lines.push(`  Sent just before it, as an error: ${errors.join(", ")}.`);
  return lines.join("\n");
}

function formatList(): string {
  const width = Math.max(...ERROR_CODES.map(({ length }) => length));
  const errors = ERROR_CODES.map(errorInfo).map(({ code, what }) => `  ${code.padEnd(width)}  ${what}`);
  const closes = KNOWN_CLOSE_CODES.map(closeCodeInfo).map(
    ({ code, reason, reconnect }) =>
      `  ${`${code}`.padEnd(width)}  ${reason}${reconnect ? "; clients reconnect" : ""}`,
  );
  return [
    "Errors",
    ...errors,
    "",
    "Close codes",
    ...closes,
    "",
    "To see what to do: parley error <code>",
  ].join("\n");
}
