import { hostname } from "node:os";
import { Admission, connectionsWithin } from "../core/admission.ts";
import type { Clock } from "../core/clock.ts";
import { demoUseOf, isOnThisMachine } from "../core/demo-accounts.ts";
import { schemeOf } from "../core/origins.ts";
import { Repeats } from "../core/repeats.ts";
import type { Store } from "../core/store.ts";
import { TIDY_INTERVAL, Tidying } from "../core/tidying.ts";
import { watchAccounts } from "./account-changes.ts";
import { demoReachOf } from "./authentication/demo-accounts.ts";
import type { TokenKeys } from "./authentication/keys.ts";
import type { Passwords } from "./authentication/passwords.ts";
import type { VerifiedToken } from "./authentication/tokens.ts";
import { readTlsFiles, watchCertificate } from "./certificate-watch.ts";
import { clientAddressBehind, isLoopback, isTrustedIn } from "./client-address.ts";
import { watchClock } from "./clock-watch.ts";
import { drain } from "./drain.ts";
import { openFaultBench } from "./faults/bench.ts";
import { createApp } from "./http/app.ts";
import { createPage, type Page } from "./http/page-route.ts";
import { problem } from "./http/problem.ts";
import { type Listen, Listener } from "./listener.ts";
import type { Log } from "./log.ts";
import { openFilesLimit } from "./open-files.ts";
import { createRemovals, type RemoveConversations } from "./removals.ts";
import { isSocketTarget, targetOf, withWholeUrl } from "./request-target.ts";
import { watchRevocations } from "./revocation-watch.ts";
import { LOOK_INTERVAL, RuntimeThreads } from "./runtime-threads.ts";
import type { Settings } from "./settings/settings.ts";
import { admit, renew } from "./socket/admit.ts";
import { Connection } from "./socket/connection.ts";
import type { ConnectionFacts, ConnectionHost } from "./socket/connection-host.ts";
import { Directory } from "./socket/directory.ts";
import { openDoor } from "./socket/door.ts";
import { Entrance } from "./socket/entrance.ts";
import { endFaulty } from "./socket/fault.ts";
import { socketHandlers } from "./socket/handlers.ts";
import { Hub } from "./socket/hub.ts";
import { MessageCounts } from "./socket/message-counts.ts";
import { Outbox } from "./socket/outbox.ts";
import { sessionRules } from "./socket/rules.ts";
import { Wheel } from "./socket/wheel.ts";
import { watchStore } from "./store-watch.ts";
import { thinned } from "./thinned-log.ts";

export interface ServerParts extends Omit<Store, "clean" | "close"> {
  readonly settings: Settings;
  /** Parley's own, as `parley --version` prints it. */
  readonly version: string;
  readonly keys: TokenKeys;
  readonly passwords: Passwords;
  readonly clock: Clock;
  readonly log: Log;
  readonly removeConversations: RemoveConversations;
  /** The console, where it is built already; it is built at the start without it. */
  readonly page?: Page;
}

export interface RunningServer {
  readonly port: number;
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Reads the certificate and its key again, where there are any. */
  readCertificate(): void;
  /** Tells every client when to come back, closes their sockets and stops listening. The engine stays open. */
  stop(): Promise<void>;
}

/** Milliseconds between two looks at addresses that need not be remembered any longer. */
const SWEEP_INTERVAL = 60_000;

/** Seconds that a request may take to arrive without a further byte. */
const REQUEST_TIMEOUT = 10;

/** Starts to listen. Throws what the system says when the port is taken or may not be used. */
export async function startServer(parts: ServerParts): Promise<RunningServer> {
  const { settings, engine, accounts, clock } = parts;
  const log = thinned(parts.log, clock, settings.logLevel);
  const shared = {
    ...parts,
    log,
    plans: settings.plans,
    tickets: parts.tickets<VerifiedToken>(),
  };

  const admission = new Admission({
    connections: boundedConnections(settings, log),
    connectionsPerAddress: settings.maxConnectionsPerAddress,
    handshakesPerMinute: settings.handshakesPerMinute,
  });
  const hub = new Hub(
    engine,
    parts.relay,
    clock,
    { presenceGrace: settings.presenceGrace * 1000 },
    (topic, frame) => listener.publish(topic, frame),
  );
  const watching = watchStore({ engine, hub, clock });
  const directory = new Directory<Connection>();
  const failed = (connection: Connection, error: unknown) => endFaulty(log, connection, error);
  const wheel = new Wheel(clock, failed);
  const counts = new MessageCounts(clock, parts.log, () => hub.delivered, settings.logLevel === "debug");
  const rules = sessionRules(settings);
  const inactivity = { timeout: rules.inactivity / 1000, warning: rules.inactivityWarning / 1000 };
  const entrance = new Entrance();
  const repeats = new Repeats();
  const admitting = { ...shared, hub, repeats, health: watching.health, entrance, inactivity };
  const host: ConnectionHost = {
    rules,
    clock,
    engine,
    hub,
    wheel,
    outbox: new Outbox(failed),
    admission,
    leases: parts.leases,
    directory,
    counts,
    log,
    admit: (connection, presented, place) => admit(admitting, connection, presented, place),
    renew: (connection, token) => renew(admitting, connection, token),
  };

  const faults =
    settings.testFaults === "off" ? undefined : openFaultBench({ host, keys: parts.keys, settings });
  let draining = false;
  const { tlsCert, tlsKey } = settings;
  const tlsFiles = tlsCert === undefined ? undefined : { cert: tlsCert, key: tlsKey! };
  const secure = tlsFiles !== undefined;
  const origins = {
    listed: settings.allowedOrigins,
    loopbackPort: isLoopback(settings.host) ? settings.port : undefined,
  };
  const app = createApp({
    ...shared,
    throttle: parts.throttle({
      failures: settings.signinFailures,
      window: settings.signinWindow * 1000,
      attemptsPerMinute: settings.signinsPerMinute,
    }),
    burst: rules.burst,
    refreshLifetime: settings.refreshLifetime,
    inactivityTimeout: inactivity.timeout,
    version: parts.version,
    page: parts.page ?? (await createPage()),
    faults,
    apiKeys: settings.apiKeys,
    origins,
    present: (conversation) => hub.present(conversation),
    removeConversation: createRemovals(parts.removeConversations),
    count: (sender, id, result) => counts.count(sender, id, result),
    ready: () => !draining && engine.ready(),
    storeIsAway: (error) => engine.isAway(error),
  });
  const door = {
    connect: faults?.connect ?? ((facts: ConnectionFacts) => new Connection(host, facts)),
    origins,
    admission,
    entrance,
    clock,
    log,
    draining: () => (draining ? settings.drainSeconds * 1000 : undefined),
  };
  const clientAddress = clientAddressBehind(settings.trustedProxies);
  const isTrusted = isTrustedIn(settings.trustedProxies);
  const reach = demoReachOf(settings);
  const handlers = socketHandlers(log, settings.maxUnsentBytes);
  const listen: Listen<Connection> = (port, tls) =>
    Bun.serve<Connection>({
      hostname: settings.host,
      port,
      ...(tls !== undefined && { tls }),
      maxRequestBodySize: 1024 * 1024,
      idleTimeout: REQUEST_TIMEOUT,
      websocket: handlers,
      fetch(request, bun) {
        const peer = bun.requestIP(request)?.address ?? "";
        const { headers, method } = request;
        const target = targetOf(request.url);
        if (target === undefined) return problem("bad_request", { detail: "The request names no path." });
        const asker = { loopback: isLoopback(peer), headers };
        const asked = {
          address: clientAddress(peer, headers.get("x-forwarded-for")),
          scheme: schemeOf(secure, isTrusted(peer) ? headers.get("x-forwarded-proto") : null),
          demoUse: demoUseOf(reach, asker),
          faultsUsable: settings.testFaults !== "on" || isOnThisMachine(asker),
        };
        if (isSocketTarget(target) && method !== "OPTIONS")
          return openDoor(door, { request, server: bun, target, ...asked });
        // A line on which a request comes slowly ends sooner than one that waits for its next request (RUNTIME 18).
        // The answer may take as long as it takes: a sign-in waits for its turn where many passwords are checked.
        const arrived = () => bun.timeout(request, 0);
        const answered = () => bun.timeout(request, settings.keepAliveTimeout);
        if (!hasBody(headers)) arrived();
        return Promise.resolve(app.fetch(withWholeUrl(request), { ...asked, arrived })).finally(answered);
      },
      error(error) {
        // The last resort for what no route caught; it must show the client nothing of the fault (M5).
        log.error("request.failed", { error: error.stack ?? String(error) });
        return problem("internal");
      },
    });
  const tls = tlsFiles && readTlsFiles(tlsFiles);
  const listener = new Listener(listen, settings.port, tls);
  const certificate =
    tlsFiles &&
    watchCertificate({
      files: tlsFiles,
      current: tls!,
      clock,
      log: parts.log,
      use: (next) => listener.change(next),
    });
  if (origins.loopbackPort === 0) origins.loopbackPort = listener.port;

  const stopWatching = watchAccounts({
    accounts,
    directory,
    plans: settings.plans,
    log: parts.log,
  });
  const stopWatchingClock = watchClock({ clock, directory, log });
  const stopWatchingRevocations = watchRevocations({ revocations: parts.revocations, directory, clock, log });
  const stopSweeping = clock.every(SWEEP_INTERVAL, () => admission.sweep(clock.now()));
  const tidying = new Tidying();
  const stopTidying = clock.every(TIDY_INTERVAL, () => {
    // In the background: it holds the event loop up for a fraction of a millisecond.
    if (tidying.isDue(admission.open)) Bun.gc(false);
  });
  const threads = new RuntimeThreads();
  threads.calm();
  const stopCalming = clock.every(LOOK_INTERVAL, () => threads.calm());
  const url = (host: string) => `${secure ? "https" : "http"}://${urlHost(host)}:${listener.port}`;
  const { version } = parts;
  parts.serving({ url: url(nameForOthers(settings.host)), version, connections: () => admission.open });
  return {
    port: listener.port,
    url: url(settings.host),
    readCertificate: () => certificate?.read(),
    async stop() {
      draining = true;
      faults?.undisturb();
      await drain({ directory, admission, drainSeconds: settings.drainSeconds });
      certificate?.stop();
      await listener.stop();
      stopWatching();
      stopWatchingClock();
      stopWatchingRevocations();
      stopSweeping();
      stopTidying();
      stopCalming();
      wheel.stop();
      watching.stop();
      hub.stop();
      counts.stop();
      log.close();
    },
  };
}

/** MAX_CONNECTIONS, or what the system's limit of open files leaves room for. */
function boundedConnections({ maxConnections }: Settings, log: Log): number {
  const openFiles = openFilesLimit();
  if (openFiles === undefined) return maxConnections;
  const connections = connectionsWithin(openFiles, maxConnections);
  if (connections === maxConnections) return connections;
  // Without a limit of ours, the system's is no surprise unless it is small.
  if (maxConnections > 0)
    log.warn("limit.open_files", { open_files: openFiles, max_connections: maxConnections, connections });
  return connections;
}

/** Whether more than its head belongs to a request (RFC 9112 §6.3). */
function hasBody(headers: Headers): boolean {
  return headers.has("transfer-encoding") || (headers.get("content-length") ?? "0") !== "0";
}

/** "All addresses" means nothing to another machine. */
function nameForOthers(host: string): string {
  return host === "0.0.0.0" || host === "::" ? hostname() : host;
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
