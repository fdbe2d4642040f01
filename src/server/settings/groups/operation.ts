import type { SettingParser } from "../parser.ts";
import { anyString } from "../parsers.ts";
import type { Setting } from "../setting.ts";

/** `address:port`; an IPv6 address stands in brackets. A port alone is on this machine only. */
const listenAddress: SettingParser<{ readonly hostname: string; readonly port: number }> = {
  form: "address:port",
  accepts: "`address:port`, such as `127.0.0.1:9100` or `[::1]:9100`; a port alone is on this machine only",
  parse(text) {
    const [, bracketed, plain = "127.0.0.1", port] =
      /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):)?(\d{1,5})$/.exec(text) ?? [];
    if (port === undefined || Number(port) > 65_535)
      return { problem: "must be `address:port`, such as 127.0.0.1:9100" };
    return { value: { hostname: bracketed ?? plain, port: Number(port) } };
  },
};

/** The settings of what an operator watches, as a part of the table. */
export const OPERATION_SETTINGS = {
  METRICS_ADDRESS: {
    group: "Operation",
    kind: listenAddress,
    about: "address and port for `GET /metrics` (OpenMetrics), apart from the public port; unset: no metrics",
  },
  METRICS_KEY: {
    group: "Operation",
    kind: anyString("key", "any text"),
    about: "what a reader of the metrics has to send as `Authorization: Bearer …`; unset: none is asked for",
    secret: true,
  },
} as const satisfies Record<string, Setting<unknown>>;
