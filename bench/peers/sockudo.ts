import { createHash, createHmac } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PinnedServer, startPinnedServer } from "./pinned-server.ts";

/** Channels whose name begins so follow its rules for answers of an AI, which have no variable. */
const CHANNEL_PREFIX = "room-";

export interface SockudoOptions {
  /** The program. */
  readonly program: string;
  /** Its empty folder, which gets its output. */
  readonly folder: string;
  /** `postgres://user:password@host:port/database`; without it what it holds is gone with the process. */
  readonly postgres?: string;
  /** Whether appends are stored as pieces, which it does after a command, and not each with the whole text. */
  readonly isCompact?: boolean;
}

export interface RunningSockudo extends PinnedServer {
  /** Request target of a socket. */
  target(): string;
  /** Sends a signed request to its HTTP API, and resolves with what it answers. Throws for all but a success. */
  call(path: string, body: object): Promise<unknown>;
}

const [APP, KEY, SECRET] = ["bench", "key", "secret"];

/** Its guards against single clients are off; everything else is as it comes. */
const SETTINGS = {
  ...{ HOST: "127.0.0.1", METRICS_ENABLED: "false", RATE_LIMITER_ENABLED: "false", RUST_LOG: "warn" },
  ...{
    ADAPTER_DRIVER: "local",
    APP_MANAGER_DRIVER: "memory",
    CACHE_DRIVER: "memory",
    QUEUE_DRIVER: "memory",
  },
  ...{ SOCKUDO_DEFAULT_APP_ID: APP, SOCKUDO_DEFAULT_APP_KEY: KEY, SOCKUDO_DEFAULT_APP_SECRET: SECRET },
  ...{
    SOCKUDO_DEFAULT_APP_MAX_CONNECTIONS: "20000",
    SOCKUDO_DEFAULT_APP_MAX_BACKEND_EVENTS_PER_SECOND: "1000000",
  },
  ...{ HISTORY_ENABLED: "true", VERSIONED_MESSAGES_ENABLED: "true", AI_TRANSPORT_ENABLED: "true" },
  ...{ SHUTDOWN_GRACE_PERIOD: "1" },
};

/** Starts Sockudo, a server for the protocol of Pusher, with messages that grow. */
export async function startSockudo(options: SockudoOptions): Promise<RunningSockudo> {
  const { program, folder, postgres, isCompact = false } = options;
  const store = postgres === undefined ? "memory" : "postgres";
  mkdirSync(join(folder, "config"), { recursive: true });
  const config = { ai_transport: { channels: [{ prefix: CHANNEL_PREFIX }] } };
  writeFileSync(join(folder, "config/config.json"), JSON.stringify(config));
  const env = {
    ...{ ...SETTINGS, HISTORY_BACKEND: store, VERSIONED_MESSAGES_DRIVER: store },
    ...(postgres !== undefined && databaseSettings(new URL(postgres))),
  };
  if (isCompact) {
    const words = [program, "--enable-append-storage"];
    const { success, stdout, stderr } = Bun.spawnSync(words, {
      cwd: folder,
      env: { PATH: process.env.PATH, ...env },
    });
    if (!success) throw new Error(`${words.join(" ")} failed:\n${stdout}${stderr}`);
  }
  const server = await startPinnedServer({ command: [program], env, folder, readyPath: "/up" });
  return {
    ...server,
    target: () => `/app/${KEY}?protocol=2`,
    async call(path, body) {
      const response = await fetch(`http://127.0.0.1:${server.port}${signed(`/apps/${APP}${path}`, body)}`, {
        ...{ method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } },
      });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      return response.json();
    },
  };
}

function databaseSettings({ hostname, port, username, password, pathname }: URL) {
  return {
    ...{ DATABASE_POSTGRES_HOST: hostname, DATABASE_POSTGRES_PORT: port || "5432" },
    ...{ DATABASE_POSTGRES_USERNAME: username, DATABASE_POSTGRES_PASSWORD: password },
    DATABASE_POSTGRES_DATABASE: pathname.slice(1),
  };
}

/** The path with the signature of a request, as the HTTP API of Pusher has it. */
function signed(path: string, body: object): string {
  const md5 = createHash("md5").update(JSON.stringify(body)).digest("hex");
  const query = `auth_key=${KEY}&auth_timestamp=${Math.floor(Date.now() / 1000)}&auth_version=1.0&body_md5=${md5}`;
  const signature = createHmac("sha256", SECRET).update(`POST\n${path}\n${query}`).digest("hex");
  return `${path}?${query}&auth_signature=${signature}`;
}
