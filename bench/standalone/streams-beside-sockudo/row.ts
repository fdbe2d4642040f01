import type { PostgresDatabase } from "./postgres.ts";

export type Frame = Readonly<Record<string, unknown>>;

/** What one writer does; the next call comes when the one before has resolved. */
export interface Writer {
  begin?(): Promise<void>;
  append(text: string): Promise<void> | void;
  end?(): Promise<void>;
}

/** With `ends` it is the whole answer, or with `adds` what comes after the text so far. */
export type Piece = { readonly ends: string } | { readonly adds: string };

export interface Server extends AsyncDisposable {
  readonly pid: number;
  /** Opens a socket that reads this room. */
  read(room: number, reader: number): Promise<WebSocket>;
  /** What a frame adds to, or makes of, the answer that is being written; undefined if it has no text. */
  textOf(frame: Frame): Piece | undefined;
  writer(room: number): Promise<Writer>;
}

/** A server, and a way to write an answer that grows. */
export interface Row {
  readonly name: string;
  start(folder: string): Promise<Server>;
  /** Its store, where that is a process of its own. */
  readonly database?: PostgresDatabase;
  /** What the store holds while the server does not run; undefined if it keeps nothing. */
  keptBytes?(folder: string): Promise<number> | number;
}

/** Connects; resolves after the first frame of this type, or event. */
export async function connect(target: string, type: string): Promise<WebSocket> {
  const socket = new WebSocket(target);
  await next(socket, type);
  return socket;
}

/** Sends it; resolves with the next frame of this type, or event. */
export function ask(socket: WebSocket, frame: Frame, type: string): Promise<Frame> {
  const answered = next(socket, type);
  send(socket, frame);
  return answered;
}

function next(socket: WebSocket, type: string): Promise<Frame> {
  return new Promise((resolve, reject) => {
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type === type || frame.event === type) resolve(frame);
      // Thrown as well: what was asked may have been answered before.
      if (frame.type !== "error" && frame.event !== "sockudo:error") return;
      reject(new Error(String(data)));
      throw new Error(String(data));
    };
  });
}

export function send(socket: WebSocket, frame: Frame): void {
  socket.send(JSON.stringify(frame));
}
