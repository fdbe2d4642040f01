import {
  type Fault,
  type FaultRefusal,
  type FaultRequest,
  requestsToExhaustQuota,
} from "../../core/faults.ts";
import type { HistoryResult } from "../../core/ports/message-log.ts";
import type { Quota } from "../../protocol/server-frames.ts";
import type { TokenKeys } from "../authentication/keys.ts";
import { signToken } from "../authentication/tokens.ts";
import type { Settings } from "../settings/settings.ts";
import type { Connection } from "../socket/connection.ts";
import type { ConnectionDeps, ConnectionInit } from "../socket/connection-deps.ts";
import { FaultyConnection } from "./faulty-connection.ts";
import type { FaultInjector, FaultResult } from "./route.ts";
import type { WriterFaultsDeps } from "./writer-faults.ts";

export interface FaultInjectorDeps {
  readonly host: ConnectionDeps<Connection>;
  readonly writers: Pick<WriterFaultsDeps, "requests" | "streams">;
  readonly keys: TokenKeys;
  readonly settings: Pick<Settings, "host" | "testFaults">;
}

/** The part of a server that injects faults, while TEST_FAULTS is on. */
export interface ServerFaultInjector extends FaultInjector {
  /** Creates the connection for a socket that is about to open; faults can be injected into it. */
  readonly connect: (facts: ConnectionInit) => Connection;
  /** Ends all faults on all connections, so that the server can send its `closing` frames. */
  clearFaults(): void;
}

/** Requests at the engine at a time while a quota is filled. Requests of other users are handled in between. */
const CHARGES_AT_ONCE = 200;

/** How long ago the token of the fault `expired_token` expired, in seconds. */
const EXPIRED_SINCE_S = 60;

/** Creates the fault injector, and logs that it is on. */
export function createFaultInjector({
  host,
  writers,
  keys,
  settings,
}: FaultInjectorDeps): ServerFaultInjector {
  const { registry, emit } = host;
  emit("test.faults_enabled", {
    host: settings.host,
    advice:
      "Clients can disturb their own connections with POST /test/faults. Use this for tests only; otherwise remove TEST_FAULTS.",
  });
  const find = (user: string, id: string) =>
    registry
      .ofUser(user)
      .find((one): one is FaultyConnection => one instanceof FaultyConnection && one.id === id);
  const inject = async (fault: Fault, connection: FaultyConnection): Promise<FaultResult> => {
    if (fault.do === "fill_quota") return fillQuota(host, connection);
    if (fault.do === "expired_token")
      return { token: await expiredToken(keys, connection.user, host.clock.wall()) };
    if (fault.do === "fence_writer") return resultOf(await connection.fenceWriter());
    return resultOf(connection.inject(fault));
  };
  return {
    connect: (facts) => new FaultyConnection(host, writers, facts),
    async inject(user, { connection: id, fault }) {
      const connection = find(user, id);
      if (connection === undefined) return { refusal: notFound(user, id) };
      const answer = await inject(fault, connection);
      if (!("refusal" in answer)) emit("test.fault_injected", { ...connection.logFields(), fault: fault.do });
      return answer;
    },
    clearFaults() {
      for (const connection of registry.all())
        if (connection instanceof FaultyConnection) connection.clearFaults();
    },
  };
}

/** The same text for another user's connection and for an unknown one, so that a user cannot find out which ids exist. */
function notFound(user: string, id: FaultRequest["connection"]): FaultRefusal {
  const message = `${user} has no open connection \`${id}\` on this server; its name stands in its \`welcome\`.`;
  return { code: "not_found", message };
}

/** The result of a fault; `message` is the reason where it was not injected. */
function resultOf(message: string | undefined): FaultResult {
  return message === undefined ? {} : { refusal: { code: "invalid", message } };
}

/** Signs a token that has expired, beyond the leeway. */
function expiredToken(keys: TokenKeys, subject: string, now: number): Promise<string> {
  const before = (keys.lifetime + keys.leeway + EXPIRED_SINCE_S) * 1000;
  return signToken(keys, { subject, now: now - before });
}

/** Charges the connection's user for the rest of the quota, by reads of the history, since they have no other effect. */
async function fillQuota(
  { engine }: Pick<ConnectionDeps<Connection>, "engine">,
  connection: FaultyConnection,
): Promise<FaultResult> {
  const { user, plan, conversations } = connection;
  // On the socket of a user any conversation will do; that of the user's own name is one that a client may know.
  const { conversation = user } = conversations;
  const limit = plan?.requestsPerHour ?? 0;
  let quota: Quota | null = await engine.quota(user, limit);
  while (quota === null || quota.remaining > 0) {
    const charges = requestsToExhaustQuota(quota);
    if (typeof charges === "string") return { refusal: { code: "invalid", message: charges } };
    const charge = () =>
      new Promise<HistoryResult>((done) => engine.history({ conversation, user, limit, count: 1 }, done));
    const results = await Promise.all(Array.from({ length: Math.min(charges, CHARGES_AT_ONCE) }, charge));
    const last = results.at(-1);
    if (last === undefined || last.outcome === "unavailable") {
      const message = "The store cannot be reached now; part of the quota may be charged.";
      return { refusal: { code: "unavailable", message } };
    }
    quota = last.quota;
  }
  return { quota };
}
