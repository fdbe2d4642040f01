import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { ServerFrame } from "../../../src/protocol/server-frames.ts";

/** How long a test waits for bytes that must come, in real milliseconds: only a broken server ever takes this long. */
const TIMEOUT_MS = 60_000;

export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

interface RawFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The fields of a good handshake; a value of `undefined` leaves one out, a list repeats it. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * A client on bare TCP, which can do what no WebSocket library allows: wrong handshakes, wrong frames, no replies to
 * pings, never reading. It replies to nothing on its own.
 */
export class RawSocket implements AsyncDisposable {
  /** The server's response to the handshake. */
  response: HttpResponse | undefined;
  /** The content of the server's Close frame, once one has come. */
  closeFrame: { code: number; reason: string } | undefined;
  /** Resolves when the connection is closed by either end. */
  readonly closed: Promise<void>;
  readonly frames: ServerFrame[] = [];
  pings = 0;
  private bytes = Buffer.alloc(0);
  private ended = false;
  private wake: () => void = () => {};

  private constructor(readonly socket: Socket) {
    socket.on("data", (data) => {
      // No encoding is set, so that it is bytes.
      this.bytes = Buffer.concat([this.bytes, data as Buffer]);
      this.read();
      this.wake();
    });
    // A reset is one of the ways in which a connection ends.
    socket.on("error", () => {});
    this.closed = new Promise((resolve) =>
      socket.on("close", () => {
        this.ended = true;
        resolve();
        this.wake();
      }),
    );
  }

  /** Opens the connection and sends nothing. */
  static async dial(port: number): Promise<RawSocket> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new RawSocket(socket);
  }

  /** Asks for a WebSocket at `target`, with `fields` added to or replacing those of a good handshake. */
  static async handshake(
    port: number,
    target: string,
    fields: Fields = {},
    requestLine = `GET ${target} HTTP/1.1`,
  ): Promise<RawSocket> {
    const raw = await RawSocket.dial(port);
    const good: Fields = {
      Host: `127.0.0.1:${port}`,
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    };
    const headerLines = Object.entries({ ...good, ...fields }).flatMap(([name, value]) =>
      (value === undefined ? [] : [value].flat()).map((one) => `${name}: ${one}`),
    );
    raw.socket.write(`${[requestLine, ...headerLines].join("\r\n")}\r\n\r\n`);
    await raw.waitUntil(() => raw.response !== undefined, "response to the handshake");
    return raw;
  }

  /** Sends one frame, masked as a client's must be. */
  send(opcode: number, payload: string | Uint8Array): void {
    this.socket.write(encodeFrame(opcode, typeof payload === "string" ? Buffer.from(payload) : payload));
  }

  /** Sends one JSON text frame. */
  sendJson(frame: Record<string, unknown>): void {
    this.send(OPCODE.text, JSON.stringify(frame));
  }

  /** Stops reading: data that the server sends from now on fills the buffers in between. */
  stopReading(): void {
    this.socket.pause();
  }

  /** Waits until `holds`; `what` names it in the error. */
  async waitUntil(holds: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + TIMEOUT_MS;
    while (!holds()) {
      if (this.ended || Date.now() > deadline) {
        const state = this.ended ? "the line ended" : "nothing more came";
        const received = this.frames.map(({ type }) => type).join(", ");
        throw new Error(`No ${what}: ${state}. Received: ${received || "nothing"}.`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, deadline - Date.now()));
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The first frame of `type`, waited for. */
  async waitForFrame(type: ServerFrame["type"]): Promise<ServerFrame> {
    const find = () => this.frames.find((frame) => frame.type === type);
    await this.waitUntil(() => find() !== undefined, `\`${type}\` frame`);
    return find()!;
  }

  /** Waits for the server's Close frame. */
  async waitForClose(): Promise<{ code: number; reason: string }> {
    await this.waitUntil(() => this.closeFrame !== undefined, "Close frame");
    return this.closeFrame!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  private read(): void {
    if (this.response === undefined && !this.readResponse()) return;
    for (let frame = this.readFrame(); frame !== undefined; frame = this.readFrame()) {
      const { opcode, payload } = frame;
      if (opcode === OPCODE.text) this.frames.push(JSON.parse(payload.toString()));
      else if (opcode === OPCODE.ping) this.pings++;
      else if (opcode === OPCODE.close)
        this.closeFrame = {
          code: payload.length < 2 ? 1005 : payload.readUInt16BE(0),
          reason: payload.subarray(2).toString(),
        };
    }
  }

  private readResponse(): boolean {
    const end = this.bytes.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const [first = "", ...lines] = this.bytes.subarray(0, end).toString("latin1").split("\r\n");
    const headers = new Headers();
    for (const line of lines)
      headers.append(line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1));
    const length = Number(headers.get("content-length") ?? 0);
    if (this.bytes.length < end + 4 + length) return false;
    const body = this.bytes.subarray(end + 4, end + 4 + length).toString();
    this.bytes = this.bytes.subarray(end + 4 + length);
    this.response = { status: Number(first.split(" ")[1]), headers, body };
    return true;
  }

  private readFrame(): RawFrame | undefined {
    const { bytes } = this;
    if (this.response?.status !== 101 || bytes.length < 2) return undefined;
    const short = bytes[1]! & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < head) return undefined;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < head + length) return undefined;
    this.bytes = bytes.subarray(head + length);
    return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(head, head + length) };
  }
}

/** One whole frame as a client sends it (RFC 6455 §5.2), under a mask of its own. */
export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4]!)]);
}
