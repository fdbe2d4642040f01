import { Admission } from "../core/access/admission.ts";
import { demoUseOf, isOnThisMachine } from "../core/access/demo-accounts.ts";
import { schemeOf } from "../core/access/origins.ts";
import { ResendLimiter } from "../core/conversation/resend-limiter.ts";
import type { Emit } from "../core/events/events.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Store } from "../core/ports/store.ts";
import { startActivity } from "./activity/start.ts";
import { withApproval } from "./approval/with-approval.ts";
import { ApiKeys } from "./authentication/api-keys.ts";
import { demoReachOf } from "./authentication/demo-accounts.ts";
import type { TokenKeys } from "./authentication/keys.ts";
import type { Passwords } from "./authentication/passwords.ts";
import type { VerifiedToken } from "./authentication/verified-token.ts";
import { clientAddressBehind, isLoopback, isTrustedIn } from "./client-address.ts";
import { createApiPage, createPage } from "./console-files.ts";
import { createFaultInjector } from "./faults/fault-injector.ts";
import { EventFeed } from "./feed/event-feed.ts";
import { startFeedReaders } from "./feed/start-readers.ts";
import { createApp } from "./http/app.ts";
import type { HttpEnvironment } from "./http/context.ts";
import { problem } from "./http/problem.ts";
import type { WithConversations } from "./http/routes/operator/conversations.ts";
import type { Page } from "./http/routes/page.ts";
import { Inboxes } from "./inbox/inboxes.ts";
import { SocketInbox } from "./inbox/socket-inbox.ts";
import { type Listen, Listener } from "./listener.ts";
import { MemberGate } from "./members/member-gate.ts";
import { memberPolicyOf } from "./members/policy.ts";
import type { ServerMetrics } from "./metrics/server-metrics.ts";
import { Erasures } from "./person/erasures.ts";
import { drain } from "./process/drain.ts";
import { GC_CHECK_INTERVAL_MS, GcScheduler } from "./process/gc-scheduler.ts";
import { boundedConnections } from "./process/open-files.ts";
import { THREAD_SCAN_INTERVAL_MS, ThreadPriorities } from "./process/thread-priority.ts";
import { createRemovalBatcher, type RemoveConversations } from "./removal-batcher.ts";
import { hasBody, isSocketTarget, targetOf, withWholeUrl } from "./request-target.ts";
import { externalHost, serverUrl } from "./server-url.ts";
import type { Settings } from "./settings/settings.ts";
import { AdmissionQueue } from "./socket/admission-queue.ts";
import { admit, renew } from "./socket/admit.ts";
import { Connection } from "./socket/connection.ts";
import type { ConnectionDeps, ConnectionInit } from "./socket/connection-deps.ts";
import { ConnectionRegistry, sendToAll } from "./socket/connection-registry.ts";
import { Hub } from "./socket/conversation/hub.ts";
import { socketHandlers } from "./socket/handlers.ts";
import { closeWithInternalError } from "./socket/internal-error.ts";
import { MessageCounters } from "./socket/message-counters.ts";
import { sessionRules } from "./socket/session-rules.ts";
import { TimingWheel } from "./socket/timing-wheel.ts";
import { handleUpgrade } from "./socket/upgrade.ts";
import { createOpenings, openConversation } from "./socket/user/open.ts";
import { WriteBatcher } from "./socket/write-batcher.ts";
import { createStreams } from "./streams/create-streams.ts";
import { readTlsFiles } from "./tls-files.ts";
import { TurnShare } from "./turn-share.ts";
import { watchAccounts } from "./watch/accounts.ts";
import { watchApiKeys } from "./watch/api-keys.ts";
import { watchCertificate } from "./watch/certificate.ts";
import { watchClock } from "./watch/clock.ts";
import { watchOpenFiles } from "./watch/open-files.ts";
import { watchRevocations } from "./watch/revocations.ts";
import { watchStore } from "./watch/store-health.ts";

export interface ServerDeps extends Omit<Store, "applyRetention" | "close"> {
  readonly settings: Settings;
  /** Parley's own, as `parley --version` prints it. */
  readonly version: string;
  readonly keys: TokenKeys;
  readonly passwords: Passwords;
  readonly clock: Clock;
  readonly emit: Emit;
  readonly removeConversations: RemoveConversations;
  readonly withConversations: WithConversations;
  /** What the operator reads at METRICS_ADDRESS; undefined where that is not set. */
  readonly metrics?: ServerMetrics | undefined;
  /** The console, where it is built already; it is built at the start without it. */
  readonly page?: Page;
  /** Runs what the start reads from the store, and waits while the store is away; without it, the start fails then. */
  readonly step?: <T>(work: () => Promise<T>) => Promise<T>;
}

export interface RunningServer {
  readonly port: number;
  /** `http://127.0.0.1:8000` */
  readonly url: string;
  /** Reads the certificate and its key again; does nothing without TLS. */
  readCertificate(): void;
  /** Sends every client a time to reconnect, closes all sockets and stops listening. The engine stays open. */
  stop(): Promise<void>;
}

/** How often records of addresses that have expired are dropped, in milliseconds. */
const SWEEP_INTERVAL_MS = 60_000;

/** Seconds that a request may take to arrive without a further byte. */
const REQUEST_TIMEOUT_S = 10;

/** Starts to listen. Throws what the system says when the port is taken or may not be used. */
export async function startServer(deps: ServerDeps): Promise<RunningServer> {
  const { settings, accounts, clock, emit, metrics, step = (work) => work() } = deps;
  const { engine, factsApprover, openingApprover } = withApproval(deps);
  const shared = {
    ...{ ...deps, engine, plans: settings.plans, erasures: new Erasures(deps) },
    tickets: deps.tickets<VerifiedToken>(),
  };

  const apiKeys = new ApiKeys(settings.apiKeys);
  const admission = new Admission({
    connections: boundedConnections(settings, emit),
    connectionsPerAddress: settings.maxConnectionsPerAddress,
    handshakesPerMinute: settings.handshakesPerMinute,
  });
  const hub = new Hub(
    engine,
    deps.relay,
    clock,
    { presenceGrace: settings.presenceGrace * 1000, metrics },
    (topic, frame) => listener.publish(topic, frame),
  );
  const registry = new ConnectionRegistry<Connection>();
  const storeWatch = watchStore({ engine, clock, sendToAll: (frame) => sendToAll(registry, frame) });
  const failed = (connection: Connection, error: unknown) => closeWithInternalError(emit, connection, error);
  const timingWheel = new TimingWheel(clock, failed);
  const counts = new MessageCounters(
    clock,
    emit,
    () => hub.delivered,
    settings.logLevel === "debug",
    metrics,
  );
  const rules = sessionRules(settings);
  const inactivity = { timeout: rules.inactivity / 1000, warning: rules.inactivityWarning / 1000 };
  const arrivals = new TurnShare({ delivered: () => hub.delivered });
  const admissionQueue = new AdmissionQueue(arrivals);
  const resendLimiter = new ResendLimiter();
  const memberPolicy = memberPolicyOf(settings);
  const failedTask = (error: unknown) => {
    if (!engine.isUnavailable(error)) emit("engine.listener_failed", { error: String(error) });
  };
  const gate = new MemberGate({
    members: deps.members,
    memberPolicy,
    hub,
    clock,
    streams: engine.streams,
    onError: failedTask,
  });
  const { requests: streams, http: streamWriters } = createStreams({
    streams: engine.streams,
    members: deps.members,
    memberPolicy,
    hub,
    clock,
    lease: settings.streamLease * 1000,
    maxBytes: settings.maxStreamBytes,
    onError: failedTask,
    senderOf: async (conversation, seq) => (await engine.page(conversation, seq - 1, seq, 1))?.[0]?.from,
    epochOf: async (conversation) => (await engine.head(conversation)).epoch,
  });
  const admitDeps = {
    ...shared,
    hub,
    streams,
    gate,
    openingApprover,
    resendLimiter,
    health: storeWatch.health,
    admissionQueue,
    inactivity,
    limits: settings,
  };
  const inboxes = new Inboxes({
    inbox: engine.inbox,
    members: deps.members,
    clock,
    emit,
    isStoreUnavailable: (error) => engine.isUnavailable(error),
  });
  const eventFeed = new EventFeed({
    ...{ feed: deps.feed, engine, members: deps.members, clock },
    retentionDays: settings.retentionEventDays,
  });
  const stopReaders = startFeedReaders(deps, eventFeed, (name) => hub.present(name, Number.MAX_VALUE));
  const openDeps = { ...admitDeps, openings: createOpenings(arrivals) };
  const connectionDeps: ConnectionDeps<Connection> = {
    rules,
    clock,
    engine,
    hub,
    timingWheel,
    writeBatcher: new WriteBatcher(failed),
    admission,
    leases: deps.leases,
    registry,
    counters: counts,
    memberPolicy,
    gate,
    emit,
    streams,
    admit: (connection, presented, place) => admit(admitDeps, connection, presented, place),
    maxOpenConversations: settings.maxOpenConversations,
    open: (connection, member, item) => openConversation(openDeps, connection, member, item),
    openInbox: (connection, grants) =>
      new SocketInbox(inboxes, connection, grants, (error) => failed(connection, error)),
    renew: (connection, token) => renew(admitDeps, connection, token),
  };

  const faults =
    settings.testFaults === "off"
      ? undefined
      : createFaultInjector({
          host: connectionDeps,
          writers: { requests: streams, streams: engine.streams },
          keys: deps.keys,
          settings,
        });
  let draining = false;
  const { tlsCert, tlsKey } = settings;
  const tlsFiles = tlsCert === undefined ? undefined : { cert: tlsCert, key: tlsKey! };
  const secure = tlsFiles !== undefined;
  const origins = {
    allowed: settings.allowedOrigins,
    loopbackPort: isLoopback(settings.host) ? settings.port : undefined,
  };
  const url = (host: string) => serverUrl(secure, host, listener.port);
  const externalUrl = () => url(externalHost(settings.host));
  const startedAt = clock.now();
  const parts = { engine, hub, registry, counts, streams, eventFeed, startedAt, url: externalUrl };
  const activity = startActivity(deps, parts);
  const app = createApp({
    ...shared,
    throttle: deps.throttle({
      failures: settings.signinFailures,
      window: settings.signinWindow * 1000,
      attemptsPerMinute: settings.signinsPerMinute,
    }),
    burst: rules.burst,
    refreshLifetime: settings.refreshLifetime,
    inactivityTimeout: inactivity.timeout,
    version: deps.version,
    page: deps.page ?? (await createPage()),
    apiPage: createApiPage,
    faults,
    apiKeys,
    apiKeyStore: deps.apiKeys,
    endpointRules: { allowPrivate: settings.webhookAllowPrivate },
    store: deps,
    serverState: () => ({
      ...{ url: externalUrl(), version: deps.version, startedAt },
      connections: admission.openConnections,
      openConversations: hub.openConversations().length,
      messages: counts.sinceStart(),
    }),
    activity,
    memberPolicy,
    factsApprover,
    origins,
    present: (conversation, limit, after) => hub.present(conversation, limit, after),
    marks: engine,
    changes: engine.changes,
    views: engine.inbox,
    announceReadMark: (conversation, user, seq) => hub.setReadMark(conversation, user, seq),
    eventFeed,
    readInbox: (user, grants, ask) => inboxes.read(user, grants, ask),
    streamWriters,
    streams: engine.streams,
    removeConversation: createRemovalBatcher(deps.removeConversations),
    count: (sender, id, result) => counts.count(sender, id, result),
    ready: () => !draining && engine.allWritable(),
    isStoreUnavailable: (error) => engine.isUnavailable(error),
  });
  await app.request("/healthz", {}, WARM_UP_REQUEST);
  const upgradeDeps = {
    connect: faults?.connect ?? ((facts: ConnectionInit) => new Connection(connectionDeps, facts)),
    origins,
    admission,
    admissionQueue,
    clock,
    emit,
    draining: () => (draining ? settings.drainSeconds * 1000 : undefined),
  };
  const clientAddress = clientAddressBehind(settings.trustedProxies);
  const isTrusted = isTrustedIn(settings.trustedProxies);
  const reach = demoReachOf(settings);
  const handlers = socketHandlers(emit, settings.maxUnsentBytes, metrics?.histogram("parley_frame_bytes"));
  const listen: Listen<Connection> = (port, tls) =>
    Bun.serve<Connection>({
      hostname: settings.host,
      port,
      ...(tls !== undefined && { tls }),
      // Far above the longest body that a route reads (http/body.ts): the runtime's own refusal has no problem document.
      maxRequestBodySize: 64 * 1024 * 1024,
      idleTimeout: REQUEST_TIMEOUT_S,
      websocket: handlers,
      fetch(request, bun) {
        const peer = bun.requestIP(request)?.address ?? "";
        const { headers, method } = request;
        const target = targetOf(request.url);
        if (target === undefined) return problem("bad_request", { detail: "The request names no path." });
        const requestSource = { loopback: isLoopback(peer), headers };
        const requestFacts = {
          address: clientAddress(peer, headers.get("x-forwarded-for")),
          scheme: schemeOf(secure, isTrusted(peer) ? headers.get("x-forwarded-proto") : null),
          demoUse: demoUseOf(reach, requestSource),
          faultsUsable: settings.testFaults !== "on" || isOnThisMachine(requestSource),
          onThisMachine: isOnThisMachine(requestSource),
        };
        if (isSocketTarget(target) && method !== "OPTIONS")
          return handleUpgrade(upgradeDeps, { request, server: bun, target, ...requestFacts });
        // A line on which a request comes slowly ends sooner than one that waits for its next request (RT-18).
        // The answer may take as long as it takes: a sign-in waits for its turn where many passwords are checked.
        const arrived = () => bun.timeout(request, 0);
        const answered = () => bun.timeout(request, settings.keepAliveTimeout);
        if (!hasBody(headers)) arrived();
        return Promise.resolve(app.fetch(withWholeUrl(request), { ...requestFacts, arrived })).finally(
          answered,
        );
      },
      error(error) {
        // The last resort for what no route caught; it must show the client nothing of the fault (M5).
        emit("request.failed", { error: error.stack ?? String(error) });
        return problem("internal");
      },
    });
  const stopWatchingKeys = await step(() =>
    watchApiKeys({ store: deps.apiKeys, apiKeys, emit, refuseStreams: (ids) => streams.refuseTokens(ids) }),
  );
  const tls = tlsFiles && readTlsFiles(tlsFiles);
  const listener = new Listener(listen, settings.port, tls);
  const certificate =
    tlsFiles &&
    watchCertificate({
      files: tlsFiles,
      current: tls!,
      ...{ clock, emit, metrics },
      use: (next) => listener.replaceTls(next),
    });
  if (origins.loopbackPort === 0) origins.loopbackPort = listener.port;

  const refuseStreams = (user: string) => void engine.streams.refuse(user, undefined).catch(failedTask);
  const stopWatching = watchAccounts({ accounts, registry, plans: settings.plans, emit, refuseStreams });
  const stopWatchingClock = watchClock({ clock, registry, emit });
  const stopWatchingFiles = watchOpenFiles({ listener, clock, emit });
  const stopWatchingRevocations = watchRevocations({
    ...{ revocations: deps.revocations, registry, clock, emit, refuseStreams, streams },
  });
  const stopSweeping = clock.every(SWEEP_INTERVAL_MS, () => admission.sweep(clock.now()));
  const gcScheduler = new GcScheduler();
  const stopGc = clock.every(GC_CHECK_INTERVAL_MS, () => {
    // In the background: it holds the event loop up for a fraction of a millisecond.
    if (gcScheduler.isDue(admission.openConnections)) Bun.gc(false);
  });
  const threads = new ThreadPriorities();
  threads.lowerPriority();
  const stopThreadScan = clock.every(THREAD_SCAN_INTERVAL_MS, () => threads.lowerPriority());
  const connections = () => admission.openConnections;
  deps.announceNode({ url: externalUrl(), version: deps.version, connections });
  return {
    port: listener.port,
    url: url(settings.host),
    readCertificate: () => certificate?.read(),
    async stop() {
      draining = true;
      eventFeed.stop();
      activity.stop();
      await stopReaders();
      await shared.erasures.stop();
      faults?.clearFaults();
      await drain({ registry, admission, drainSeconds: settings.drainSeconds });
      certificate?.stop();
      stopWatchingFiles();
      await listener.stop();
      stopWatching();
      stopWatchingClock();
      stopWatchingRevocations();
      stopWatchingKeys();
      stopSweeping();
      stopGc();
      stopThreadScan();
      timingWheel.stop();
      storeWatch.stop();
      gate.stop();
      streams.stop();
      hub.stop();
      inboxes.stop();
      counts.stop();
    },
  };
}

/** A request of the server itself at its start: the first request builds the router, some 15 ms, which no client should wait for. */
const WARM_UP_REQUEST: HttpEnvironment["Bindings"] = {
  address: "127.0.0.1",
  scheme: "http",
  demoUse: "off",
  faultsUsable: false,
  onThisMachine: false,
  arrived() {},
};
