// A server of which one part breaks a promise, as a process of its own: the argument on its command line names the
// promise (programs/broken.ts). All other parts are wired as in src/cli/serve/command.ts.
import { stopOnSignal } from "../../../src/cli/signals.ts";
import { EventBus } from "../../../src/core/events/event-bus.ts";
import { openSqlite } from "../../../src/engine/sqlite/open.ts";
import { createKeys } from "../../../src/server/authentication/keys.ts";
import { createPasswords } from "../../../src/server/authentication/passwords.ts";
import { openEventLog } from "../../../src/server/log/event-log.ts";
import { openLog } from "../../../src/server/log/log.ts";
import { systemClock } from "../../../src/server/process/system-clock.ts";
import { startServer } from "../../../src/server/server.ts";
import { readSettings } from "../../../src/server/settings/read.ts";
import { DEFECTS, type Defect } from "./broken.ts";
import { CHANGE_DEFECTS } from "./broken-changes.ts";
import { STREAM_DEFECTS } from "./broken-streams.ts";

// A function, because a module with a top-level `await` has no bytecode (test/support/built-program.ts).
void main();

async function main(): Promise<void> {
  const read = readSettings({ env: process.env });
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  const { settings } = read;
  const defects: Readonly<Record<string, Defect>> = { ...DEFECTS, ...STREAM_DEFECTS, ...CHANGE_DEFECTS };
  const broken = defects[process.argv[2] ?? ""]!;

  const clock = systemClock();
  const events = new EventBus();
  events.subscribe(
    openEventLog(openLog({ level: settings.logLevel, format: "json" }), clock, settings.logLevel).listener,
  );
  const { emit } = events;
  broken.beforeOpening?.(settings.dataDir);
  const { engine, close, ...stores } = await openSqlite({
    dataDir: settings.dataDir,
    clock,
    emit,
    sync: settings.storeSync,
  });
  const server = await startServer({
    ...stores,
    settings,
    version: "0.0.0",
    // Not read by any test.
    page: new Map(),
    engine: broken.engine?.(engine) ?? engine,
    keys: await createKeys(settings, settings.secretKey ?? ""),
    passwords: createPasswords({ cost: settings.bcryptCost, queue: settings.passwordQueue }),
    clock,
    emit,
    removeConversations: async () => new Set(),
    withConversations: () => Promise.reject(new Error("not used in this test")),
  });
  broken.afterOpening?.();
  stopOnSignal(emit, async () => {
    await server.stop();
    await close();
  });
  // ParleyFolder waits for these lines.
  console.error(`Console  ${server.url}/`);
}
