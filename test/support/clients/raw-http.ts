import { connect } from "node:net";

/** The response: its status, its head as it was sent, and its body. */
export interface RawHttpResponse {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Longest wait for a response, in real milliseconds: only a broken server ever takes this long. */
const TIMEOUT_MS = 60_000;

/**
 * Sends one HTTP request byte for byte, with any `Host` and `Origin`, which no HTTP library allows. It must ask for the
 * connection to be closed, or use HTTP/1.0.
 */
export function sendRaw(port: number, request: string, host = "127.0.0.1"): Promise<RawHttpResponse> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(request));
    let text = "";
    socket.setTimeout(TIMEOUT_MS, () =>
      socket.destroy(new Error(`No response to ${request.split("\r\n")[0]}.`)),
    );
    socket.on("error", reject);
    socket.on("data", (data) => {
      text += Buffer.from(data).toString("latin1");
    });
    socket.on("close", () => {
      const end = text.indexOf("\r\n\r\n");
      const head = end < 0 ? text : text.slice(0, end);
      resolve({ status: Number(head.split(" ")[1] ?? 0), head, body: end < 0 ? "" : text.slice(end + 4) });
    });
  });
}

/** One request of HTTP/1.1 with `fields`, and `form` as its body. */
export function rawRequest(
  method: string,
  path: string,
  fields: Readonly<Record<string, string | undefined>>,
  form?: Readonly<Record<string, string>>,
): string {
  const body = form === undefined ? "" : String(new URLSearchParams(form));
  const all = {
    Connection: "close",
    ...fields,
    ...(form && { "Content-Type": "application/x-www-form-urlencoded", "Content-Length": `${body.length}` }),
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}
