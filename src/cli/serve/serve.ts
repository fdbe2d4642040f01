import manifest from "../../../package.json" with { type: "json" };
import type { Plan } from "../../core/access/plans.ts";
import { escapedOutput } from "../../core/escape-control-chars.ts";
import { EventBus } from "../../core/events/event-bus.ts";
import { seedDemoAccounts } from "../../server/authentication/demo-accounts.ts";
import { createKeys } from "../../server/authentication/keys.ts";
import { createPasswords } from "../../server/authentication/passwords.ts";
import { recordSigningKeys } from "../../server/authentication/signing-key-check.ts";
import { signToken } from "../../server/authentication/tokens.ts";
import { hasColours } from "../../server/log/colours.ts";
import { openEventLog } from "../../server/log/event-log.ts";
import { openLog } from "../../server/log/log.ts";
import { LogOutput } from "../../server/log/output.ts";
import { DEMO_AGENT, runsDemoAgent, seedDemoConversations } from "../../server/members/demo-conversations.ts";
import { systemClock } from "../../server/process/system-clock.ts";
import { startServer } from "../../server/server.ts";
import { readSecretKey } from "../../server/settings/secret-key.ts";
import type { Settings } from "../../server/settings/settings.ts";
import { TlsUnusable } from "../../server/tls-files.ts";
import { CliError } from "../cli-error.ts";
import { installCrashHandlers, stopOnSignal } from "../signals.ts";
import { removeConversations, withConversations } from "../store/open.ts";
import { storeProvider } from "../store/providers.ts";
import { startupBanner } from "./banner.ts";
import { startDemoAgent } from "./demo-agent.ts";
import { createMetrics, startMetrics } from "./metrics.ts";

/** How long a shutdown waits for the reader of the log, in milliseconds. */
const LOG_FLUSH_TIMEOUT_MS = 1000;

/** Creates all parts of the server and starts it. Throws if the server cannot start. */
export async function serve(settings: Settings): Promise<void> {
  const key = readSecretKey(settings);
  if ("problem" in key) throw new CliError(key.problem);

  const readable = settings.logFormat === "pretty" || (settings.logFormat === "auto" && process.stdout.isTTY);
  const output = new LogOutput(1);
  const log = openLog({
    level: settings.logLevel,
    format: readable ? "pretty" : "json",
    colours: hasColours(process.stdout),
    output,
  });
  const clock = systemClock();
  const eventLog = openEventLog(log, clock, settings.logLevel);
  const events = new EventBus();
  events.subscribe(eventLog.listener);
  const { emit } = events;
  if (key.warning !== undefined) emit("secret_key.exposed", { advice: key.warning });

  const metrics = createMetrics(settings, { clock, events });
  const provider = storeProvider(settings);
  const observeBatch =
    metrics && ((seconds: number) => metrics.observe("parley_store_batch_seconds", seconds));
  const { store, step, node } = await provider.open({ clock, emit, observeBatch });
  const passwords = createPasswords({ cost: settings.bcryptCost, queue: settings.passwordQueue });
  const isNew = await step(() =>
    seedDemoAccounts(settings, { accounts: store.accounts, passwords, clock, emit }),
  );
  const demo = { engine: store.engine, members: store.members, emit, isNew };
  await step(() => seedDemoConversations(settings, demo));
  const serverKeys = { secret: key.secret, previous: settings.secretKeyPrevious };
  await step(() => recordSigningKeys(serverKeys, { signingKeys: store.signingKeys, emit }));
  const keys = await createKeys(settings, key.secret, emit);
  const server = await startServer({
    ...store,
    settings,
    step,
    version: manifest.version,
    keys,
    passwords,
    clock,
    emit,
    metrics,
    removeConversations: (ids) => removeConversations(settings, ids),
    withConversations: (task) => withConversations(settings, task),
  }).catch(explainListenError(settings));

  installCrashHandlers(emit);
  const metricsListener = startMetrics(settings, metrics);
  const endAgent = (await step(() => runsDemoAgent(settings, store.members)))
    ? startDemoAgent({
        url: server.url,
        token: () => signToken(keys, { subject: DEMO_AGENT, now: clock.now(), plan: largestPlan(settings) }),
      })
    : () => {};
  const stop = async () => {
    endAgent();
    await server.stop();
    await metricsListener?.stop();
    metrics?.stop();
    await store.close();
    eventLog.close();
  };
  stopOnSignal(emit, stop, {
    flush: () => output.flush(LOG_FLUSH_TIMEOUT_MS),
    onHangup: () => server.readCertificate(),
  });
  const banner = startupBanner({
    settings,
    version: manifest.version,
    url: server.url,
    engine: store.engine.description,
    node,
    metricsUrl: metricsListener?.url,
    accounts: await step(() => store.accounts.list()),
  });
  // If the log is JSON lines, standard output contains nothing else.
  (readable ? output : new LogOutput(2)).write(escapedOutput(banner));
}

/** The plan with the most requests an hour: the demo agent answers each message. */
function largestPlan({ plans: { plans, fallback } }: Settings): string {
  const size = ({ requestsPerHour: limit }: Plan) => (limit === 0 ? Number.POSITIVE_INFINITY : limit);
  return [...plans.values()].reduce((best, plan) => (size(plan) > size(best) ? plan : best), fallback).name;
}

/** Returns an error handler that explains which setting keeps the server from listening, and what to do. */
function explainListenError({ host, port, tlsCert }: Settings): (error: unknown) => never {
  return (error) => {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    if (code === "EADDRINUSE")
      throw new CliError(
        `Another program already listens on ${address}. Stop it, or choose another port: --port 8001 (0 for any free port).`,
      );
    if (code === "EACCES")
      throw new CliError(
        `This user is not allowed to listen on ${address}. Choose a port above 1023 with --port.`,
      );
    if (code === "EADDRNOTAVAIL" || code === "EINVAL")
      throw new CliError(
        `HOST=${host} is not an address of this machine. Use 127.0.0.1 for this machine only, or 0.0.0.0 for all.`,
      );
    if (error instanceof TlsUnusable) throw new CliError(`The server cannot speak TLS: ${message}.`);
    if (tlsCert !== undefined && /PEM|SSL|TLS|certificate/i.test(`${code} ${message}`))
      throw new CliError(
        `TLS_CERT and TLS_KEY cannot be used (${message}). Both must be in PEM format, and the key must belong to the certificate.`,
      );
    throw error;
  };
}
