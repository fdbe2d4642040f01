import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parley } from "../../peers/parley.ts";
import { ask, connect, type Frame, type Row, send, type Writer } from "./row.ts";

/** Parley on its embedded engine, which stores on disk. */
export function parleyRow(kind: "stream" | "stream over HTTP" | "plain messages"): Row {
  return {
    name: `parley, ${kind}`,
    keptBytes: (folder) => sizeOf(join(folder, "data")),
    async start(folder) {
      const running = await parley.start({ folder, members: 1 });
      const { port } = running;
      const target = (user: string, room: number) =>
        `127.0.0.1:${port}${running.target(user, `room-${room}`)}&streams=1`;
      return {
        ...running,
        read: (room, reader) => connect(`ws://${target(`reader-${room}-${reader}`, room)}`, "welcome"),
        // The message at the end of a stream has the whole text, also what no append had.
        textOf({ type, text, stream }) {
          if (type === "message" && stream !== undefined) return { ends: String(text) };
          return type === "stream" || type === "stream_append" || type === "message"
            ? { adds: String(text) }
            : undefined;
        },
        async writer(room) {
          const address = target(`writer-${room}`, room);
          if (kind === "stream over HTTP") return requestWriter(new URL(`http://${address}`), room);
          const socket = await connect(`ws://${address}`, "welcome");
          return kind === "stream" ? streamWriter(socket) : messageWriter(socket);
        },
      };
    },
  };
}

function streamWriter(socket: WebSocket): Writer {
  let [stream, n] = ["", 0];
  return {
    async begin() {
      stream = String(
        (await ask(socket, { type: "stream_start", id: crypto.randomUUID() }, "stream_started")).stream,
      );
      n = 0;
    },
    append: (text) => send(socket, { type: "stream_append", stream, n: ++n, text }),
    end: async () => void (await ask(socket, { type: "stream_end", stream }, "ack")),
  };
}

function messageWriter(socket: WebSocket): Writer {
  return { append: (text) => send(socket, { type: "message", id: crypto.randomUUID(), text }) };
}

/** A request for each token, which is answered when it is stored. */
function requestWriter({ host, searchParams }: URL, room: number): Writer {
  const headers = {
    authorization: `Bearer ${searchParams.get("token")}`,
    "content-type": "application/json",
  };
  const call = async (path: string, body: object): Promise<Frame> => {
    const request = { method: "POST", headers, body: JSON.stringify(body) };
    const response = await fetch(`http://${host}/conversations/room-${room}/streams${path}`, request);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  let [path, generation, n]: [string, unknown, number] = ["", 0, 0];
  return {
    async begin() {
      const started = await call("", { id: crypto.randomUUID() });
      [path, generation, n] = [`/${started.stream}`, started.generation, 0];
    },
    append: async (text) => void (await call(path, { generation, appends: [{ n: ++n, text }] })),
    end: async () => void (await call(path, { generation, appends: [], end: {} })),
  };
}

function sizeOf(folder: string): number {
  const stats = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) =>
    statSync(join(folder, name)),
  );
  return stats.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}
