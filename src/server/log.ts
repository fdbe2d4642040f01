import { type DestinationStream, destination, type Logger, pino } from "pino";
import pretty from "pino-pretty";
import type { LogLevel } from "./log-levels.ts";

/** Who, what, where: the fields of one line. Never message text, a password or a token. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where the server writes what happens. `event` is a dotted noun that can be searched for: `signin.failed`. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: "json" | "pretty";
  /** File descriptor to write to: 1, the default, is standard output. */
  readonly descriptor?: number;
}

// The second line of defence: nothing hands these to the log, and if something does they are not written (T7).
const SECRETS = ["token", "ticket", "password", "authorization", "access_token", "refresh_token"];

/**
 * Opens the log: one JSON object a line, so that nothing from outside can forge a line (P2), or coloured text for a
 * person. Written synchronously, so that a crash loses no line.
 */
export function openLog({ level, format, descriptor = 1 }: LogOptions): Log {
  const out = destination({ dest: descriptor, sync: true });
  // Who reads the log may go away (`parley | head`). That must not end the server, nor be logged.
  out.on("error", () => {});
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error) => (typeof error === "string" ? redactUrls(error) : error) },
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: "[hidden]" },
    },
    format === "pretty" ? readable(out) : out,
  );
  return {
    debug: writer(logger, "debug"),
    info: writer(logger, "info"),
    warn: writer(logger, "warn"),
    error: writer(logger, "error"),
  };
}

/** Turns lines into coloured text, one line each; values stay quoted as in JSON, so that they cannot forge a line either. */
function readable(out: ReturnType<typeof destination>): DestinationStream {
  return pretty({
    destination: out,
    sync: true,
    colorize: true,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss.l",
  });
}

function writer(logger: Logger, level: keyof Log): Log[keyof Log] {
  return (event, fields) => logger[level]({ event, ...fields });
}

const SECRET_PARAMETER = /([?&;](?:token|ticket|access_token)=)[^&;#\s]*/gi;

/**
 * What a fault says of itself, with the credentials hidden in whatever addresses it names (A4): the runtime's own faults
 * repeat the whole of an address that no parser accepts.
 */
function redactUrls(text: string): string {
  return decodeNames(text).replace(SECRET_PARAMETER, "$1[hidden]");
}

// `?%74oken=…` is `token` to every parser that the request meets later.
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
