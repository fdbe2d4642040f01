import { createServer, connect as dial, type Socket } from "node:net";
import type { ServerFrame } from "../../src/protocol/server-frames.ts";
import { OPCODE } from "../support/clients/raw-socket.ts";

/** How a proxy changes what a correct server sends. */
export interface Fault {
  /** Replaces the frames that arrived together. */
  readonly frames?: (frames: readonly ServerFrame[]) => readonly object[];
  /** Replaces the head of the response to `request`. */
  readonly head?: (answer: string, request: string) => string;
  /** Replaces a piece of an HTTP response that opens no socket. */
  readonly http?: (piece: string) => string;
}

/** A proxy on TCP in front of the server at `port`: it forwards everything, except for what `fault` changes. */
export async function startFaultyProxy(port: number, fault: Fault) {
  const sockets = new Set<Socket>();
  let cut = false;
  const proxy = createServer((client) => {
    if (cut) return void client.destroy();
    const server = dial({ port, host: "127.0.0.1", noDelay: true });
    let request = "";
    const spoil = createSpoiler(fault, () => request);
    client.on("data", (data) => {
      if (!request.includes("\r\n\r\n")) request += data.toString("latin1");
      server.write(data);
    });
    server.on("data", (data) => client.write(spoil(data as Buffer)));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.on("end", () => other.end());
      one.on("error", () => other.destroy());
      one.on("close", () => sockets.delete(one));
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    port: (proxy.address() as { port: number }).port,
    url: `http://127.0.0.1:${(proxy.address() as { port: number }).port}`,
    /** Cuts every connection, and each new one, until `mend`. */
    cut(): void {
      cut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend(): void {
      cut = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

/** Transforms the server's bytes, piece by piece, into those that the client gets. */
function createSpoiler({ frames, head, http }: Fault, request: () => string): (data: Buffer) => Buffer {
  let bytes = Buffer.alloc(0);
  let upgraded = false;
  return (data) => {
    bytes = Buffer.concat([bytes, data]);
    const out: Buffer[] = [];
    if (!upgraded) {
      const end = bytes.indexOf("\r\n\r\n");
      const answer = end < 0 ? "" : bytes.subarray(0, end).toString("latin1");
      if (!answer.startsWith("HTTP/1.1 101")) return take();
      upgraded = true;
      out.push(Buffer.from(`${head?.(answer, request()) ?? answer}\r\n\r\n`, "latin1"));
      bytes = bytes.subarray(end + 4);
    }
    let texts: ServerFrame[] = [];
    const flush = () => {
      for (const frame of frames?.(texts) ?? texts) out.push(encode(JSON.stringify(frame)));
      texts = [];
    };
    for (let frame = readFrame(bytes); frame !== undefined; frame = readFrame(bytes)) {
      if (frame.opcode === OPCODE.text) texts.push(JSON.parse(frame.payload.toString()));
      else {
        flush();
        out.push(bytes.subarray(0, frame.size));
      }
      bytes = bytes.subarray(frame.size);
    }
    flush();
    return Buffer.concat(out);
  };

  function take(): Buffer {
    const piece = bytes.toString("latin1");
    bytes = Buffer.alloc(0);
    return Buffer.from(http?.(piece) ?? piece, "latin1");
  }
}

/** The first whole frame of a server's in `bytes` (RFC 6455 §5.2); those have no mask. */
function readFrame(bytes: Buffer): { opcode: number; payload: Buffer; size: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]!;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return undefined;
  const length =
    short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const size = head + length;
  if (bytes.length < size) return undefined;
  return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(head, size), size };
}

function encode(text: string): Buffer {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(payload.length < 126 ? 2 : 4);
  head[0] = 0x80 | OPCODE.text;
  head[1] = Math.min(payload.length, 126);
  if (head.length === 4) head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}
