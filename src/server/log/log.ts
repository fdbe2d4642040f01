import { type DestinationStream, type Logger, pino } from "pino";
import { prettyFactory } from "pino-pretty";
import { escapedOutput, escapeInvisible } from "../../core/escape-control-chars.ts";
import type { EventName } from "../../core/events/events.ts";
import type { LogLevel } from "./levels.ts";
import { LogOutput } from "./output.ts";

/** The fields of one line. Never the text of a message, a password or a token. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes lines of a level. Events come to it through `EventBus` (core/events/event-bus.ts). */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  /** Of `pretty`: see hasColours. */
  readonly colours?: boolean;
  /** Where the lines go; standard output when it is not given. */
  readonly output?: LogOutput;
}

// A second line of defence: no caller passes these fields, and if one does they are not written (SEC-T7).
const SECRET_FIELDS = ["token", "ticket", "password", "authorization", "access_token", "refresh_token"];

/**
 * Opens the log: one JSON object a line, so that nothing from outside can forge a line (SEC-P2), or text for a
 * person. Neither holds a character that a terminal obeys. A reader that stops does not block the server: lines wait, and
 * are then dropped and counted (`log.lines_dropped`).
 */
export function openLog({ level, format, colours = false, output = new LogOutput(1) }: LogOptions): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error) => (typeof error === "string" ? redactUrls(error) : error) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: "[hidden]" },
    },
    format === "pretty"
      ? prettyOutput(output, colours)
      : { write: (line) => output.write(escapeInvisible(line)) },
  );
  output.onDropped = (lines) => logger.error({ event: "log.lines_dropped" satisfies EventName, lines });
  return {
    debug: writer(logger, "debug"),
    info: writer(logger, "info"),
    warn: writer(logger, "warn"),
    error: writer(logger, "error"),
  };
}

/** Formats entries as text, one line each. Values stay quoted as in JSON, so that a value cannot forge a line. */
function prettyOutput(output: LogOutput, colours: boolean): DestinationStream {
  const prettify = prettyFactory({
    messageKey: "event",
    colorize: colours,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
    // Otherwise an error takes a second line.
    errorLikeObjectKeys: [],
  });
  return { write: (line) => output.write(escapedOutput(prettify(line))) };
}

function writer(logger: Logger, level: keyof Log): Log[keyof Log] {
  return (event, fields) => logger[level]({ event, ...fields });
}

const SECRET_PARAMETER = /([?&;](?:token|ticket|access_token)=)[^&;#\s]*/gi;

/**
 * Hides the credentials in the addresses that the text of an error contains (A4): errors of the runtime repeat the whole
 * of an address that no parser accepts.
 */
function redactUrls(text: string): string {
  return decodeNames(text).replace(SECRET_PARAMETER, "$1[hidden]");
}

// Every later parser of the request reads `?%74oken=…` as `token`.
function decodeNames(text: string): string {
  return text.replace(
    /([?&;])([^=&;#\s]*%[0-9a-f]{2}[^=&;#\s]*)(?==)/gi,
    (whole, mark: string, name: string) => {
      try {
        return mark + decodeURIComponent(name);
      } catch {
        return whole;
      }
    },
  );
}
