import { randomUUID } from "node:crypto";
import { Command } from "commander";
import manifest from "../../package.json" with { type: "json" };
import { openSqlite } from "../engine/sqlite/open.ts";
import { seedDemoAccounts } from "../server/authentication/demo-accounts.ts";
import { createKeys } from "../server/authentication/keys.ts";
import { createPasswords } from "../server/authentication/passwords.ts";
import { type Log, openLog } from "../server/log.ts";
import { startServer } from "../server/server.ts";
import { readSecretKey } from "../server/settings/secret-key.ts";
import type { Settings } from "../server/settings/settings.ts";
import { systemClock } from "../server/system-clock.ts";
import { usableDataFolder } from "./accounts-on-disk.ts";
import { Failure } from "./failure.ts";
import { addSettingFlags, type Flags, loadSettings, SETTINGS_NOTE } from "./setting-flags.ts";
import { startBlock } from "./start-block.ts";

/** `parley serve`, and `parley` alone: runs the server until it is told to stop. */
export function serveCommand(): Command {
  const command = new Command("serve")
    .description("run the server (the default command)")
    .allowExcessArguments();
  return addSettingFlags(command)
    .addHelpText("after", SETTINGS_NOTE)
    .action((flags: Flags, self: Command) => {
      // As the default command it is also given every word that is no command.
      const [word] = self.args;
      if (word !== undefined) self.error(`error: unknown command '${word}'`);
      return serve(loadSettings(flags));
    });
}

/** Puts the real parts together and starts them. Throws when something keeps the server from starting. */
async function serve(settings: Settings): Promise<void> {
  usableDataFolder(settings.dataDir);
  const key = readSecretKey(settings);
  if ("problem" in key) throw new Failure(key.problem);

  const readable = settings.logFormat === "pretty" || (settings.logFormat === "auto" && process.stdout.isTTY);
  const log = openLog({ level: settings.logLevel, format: readable ? "pretty" : "json" });
  if (key.warning !== undefined) log.warn("secret_key.exposed", { advice: key.warning });

  const clock = systemClock();
  const { engine, accounts, close } = await openSqlite({
    dataDir: settings.dataDir,
    clock,
    log,
    sync: settings.storeSync,
  });
  const passwords = createPasswords({ cost: settings.bcryptCost, queue: settings.passwordQueue });
  await seedDemoAccounts(settings, { accounts, passwords, clock, log });
  const keys = createKeys(settings, key.secret);
  const server = await startServer({
    settings,
    version: manifest.version,
    engine,
    accounts,
    keys,
    passwords,
    clock,
    log,
  }).catch(explainAddress(settings));

  catchFaults(log);
  stopOnSignal(log, async () => {
    await server.stop();
    await close();
  });
  const block = startBlock({
    settings,
    version: manifest.version,
    url: server.url,
    engine: engine.description,
    accounts: await accounts.list(),
  });
  // Where the log is JSON lines, standard output holds nothing else.
  (readable ? process.stdout : process.stderr).write(block);
}

function explainAddress({ host, port }: Settings): (error: unknown) => never {
  return (error) => {
    const code = (error as NodeJS.ErrnoException).code;
    const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    if (code === "EADDRINUSE")
      throw new Failure(
        `${address} is taken by another program. Stop it, or choose another port: --port 8001 (0 takes any free one).`,
      );
    if (code === "EACCES")
      throw new Failure(`This user may not listen on ${address}. Choose a port above 1023 with --port.`);
    if (code === "EADDRNOTAVAIL")
      throw new Failure(`HOST=${host} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all.`);
    throw error;
  };
}

/** The last resort: Bun ends the process for one exception that nobody caught, and with it every connection. */
function catchFaults(log: Log): void {
  const report = (where: string) => (error: unknown) =>
    log.error("fault", {
      id: randomUUID(),
      where,
      error: error instanceof Error ? error.stack : String(error),
    });
  process.on("uncaughtException", report("uncaught exception"));
  process.on("unhandledRejection", report("unhandled rejection"));
}

/** The first signal stops the server in order, within DRAIN_SECONDS; the second ends the process at once. */
function stopOnSignal(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals, code: number) => {
    if (stopping) process.exit(code);
    stopping = true;
    log.info("server.stopping", { signal });
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error("fault", {
          id: randomUUID(),
          where: "stop",
          error: error instanceof Error ? error.stack : String(error),
        });
        process.exit(1);
      },
    );
  };
  // 128 + the signal's number, as a shell reports a process that a signal ended.
  process.on("SIGINT", () => onSignal("SIGINT", 130));
  process.on("SIGTERM", () => onSignal("SIGTERM", 143));
}
