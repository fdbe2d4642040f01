import { type RunningSockudo, startSockudo } from "../../peers/sockudo.ts";
import type { PostgresDatabase } from "./postgres.ts";
import { ask, connect, type Row, type Writer } from "./row.ts";

/** `isCompact`: appends are stored as pieces; as it comes, each is stored with the whole text. */
export function sockudoRow(program: string, database?: PostgresDatabase, isCompact = false): Row {
  const connected = "sockudo:connection_established";
  return {
    name: `sockudo, ${database ? "postgres" : "memory"}${isCompact ? ", compact" : ""}`,
    ...(database && { database, keptBytes: () => database.bytes() }),
    async start(folder) {
      const store = database && { postgres: database.address, isCompact };
      const running = await startSockudo({ program, folder, ...store });
      return {
        ...running,
        async read(room) {
          const socket = await connect(`ws://127.0.0.1:${running.port}${running.target()}`, connected);
          const subscribe = { event: "sockudo:subscribe", data: { channel: `room-${room}` } };
          await ask(socket, subscribe, "sockudo_internal:subscription_succeeded");
          return socket;
        },
        textOf: ({ event, data }) =>
          /^sockudo:message\.(create|append)$/.test(String(event)) ? { adds: String(data) } : undefined,
        writer: async (room) => sockudoWriter(running, `room-${room}`),
      };
    },
  };
}

/** Appends go over HTTP alone. Each waits for the answer to the one before: of two on their way either may come first. */
function sockudoWriter({ call }: RunningSockudo, channel: string): Writer {
  const extras = (status: string) => ({ ai: { transport: { status } } });
  let path = "";
  return {
    async begin() {
      const body = { name: "ai-output", channel, data: "", extras: extras("streaming") };
      const { channels } = (await call("/events", body)) as {
        channels: Record<string, { message_serial: string }>;
      };
      path = `/channels/${channel}/messages/${channels[channel]!.message_serial}/append`;
    },
    append: async (data) => void (await call(path, { data })),
    end: async () => void (await call(path, { data: "", extras: extras("complete") })),
  };
}
