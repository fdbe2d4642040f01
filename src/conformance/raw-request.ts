import { randomBytes } from "node:crypto";
import { connect as connectPlain } from "node:net";
import { connect as connectSecure } from "node:tls";
import type { ServerAddress } from "./server-address.ts";
import { TIMEOUT_MS } from "./test-socket.ts";
import { RuleViolated } from "./verdicts.ts";

/** The head of an HTTP response. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Headers;
}

/** Header fields by name; undefined omits a field. */
export type Fields = Readonly<Record<string, string | undefined>>;

/** Returns the header fields of a valid handshake (RFC 6455 §4.1). */
function handshakeFields(): Fields {
  return {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
  };
}

/** Requests a socket at `path` with a valid handshake in which `fields` are added or replaced, and disconnects after the response. */
export function rawHandshake(target: ServerAddress, path: string, fields: Fields = {}): Promise<RawResponse> {
  return rawRequest(target, "GET", path, { ...handshakeFields(), ...fields });
}

/** Sends one request byte for byte, which no HTTP library does with a handshake, and disconnects after the response's head. */
export function rawRequest(
  target: ServerAddress,
  method: string,
  path: string,
  fields: Fields,
): Promise<RawResponse> {
  const { hostname, port, protocol, host, pathname } = new URL(target.http);
  const secure = protocol === "https:";
  const name = hostname.replace(/^\[|\]$/g, "");
  const to = { host: name, port: Number(port || (secure ? 443 : 80)) };
  const lines = Object.entries({ Host: host, ...fields }).flatMap(([field, value]) =>
    value === undefined ? [] : [`${field}: ${value}`],
  );
  const first = `${method} ${pathname.replace(/\/$/, "")}${path} HTTP/1.1`;
  return new Promise((resolve, reject) => {
    const socket = secure ? connectSecure({ ...to, servername: name }) : connectPlain(to);
    const fail = (reason: string) => {
      socket.destroy();
      reject(new RuleViolated(`${method} ${path.slice(0, 60)}: ${reason}.`));
    };
    let text = "";
    socket.setTimeout(TIMEOUT_MS, () => fail("no response received"));
    socket.on("error", ({ message }) => fail(message));
    socket.on("close", () => fail("the connection was closed without a response"));
    socket.on(secure ? "secureConnect" : "connect", () =>
      socket.write(`${[first, ...lines].join("\r\n")}\r\n\r\n`),
    );
    socket.on("data", (data) => {
      text += Buffer.from(data).toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      resolve(readHead(text.slice(0, end)));
      socket.destroy();
    });
  });
}

function readHead(head: string): RawResponse {
  const [first = "", ...lines] = head.split("\r\n");
  const headers = new Headers();
  for (const line of lines)
    headers.append(line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim());
  return { status: Number(first.split(" ")[1]), headers };
}
