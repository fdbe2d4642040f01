// Carries out a run over real sockets: one per connection, with raw frames, without the client library.
import { SUBPROTOCOL } from "../../protocol/version.ts";
import { NameMapping } from "../../scenario/compare/name-mapping.ts";
import type { Effect } from "../../scenario/run/effects.ts";
import type { Plan, PlannedConnection } from "../../scenario/run/plan.ts";
import { type RunnerOptions, ScenarioRunner } from "../../scenario/run/runner.ts";
import { fetchServer, readJsonObject } from "../server/sign-in.ts";
import type { Target } from "../server/target.ts";
import type { RunIdentities } from "./identities.ts";
import type { Tokens } from "./tokens.ts";

export interface RunDeps {
  readonly plan: Plan;
  readonly identities: RunIdentities;
  readonly target: Target;
  readonly tokens: Tokens;
  readonly options: RunnerOptions;
}

/** How long sockets may take to close at the end, in milliseconds: a frozen connection would not close before it thaws. */
const CLOSE_TIMEOUT_MS = 500;

/** Runs a recording to its end. */
export function runRecording({
  plan,
  identities,
  target,
  tokens,
  options,
}: RunDeps): Promise<ScenarioRunner> {
  const mapping = new NameMapping(plan.recording, identities);
  const runner = new ScenarioRunner(plan, mapping, options);
  const sockets = new Map<PlannedConnection, WebSocket>();
  const conversations = new Map(plan.recording.clients.map(({ name, conversation }) => [name, conversation]));
  /** By user: the server's id of the last welcomed connection. */
  const connectionIds = new Map<string, string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const now = () => performance.now();

  return new Promise((resolve, reject) => {
    function execute(effects: readonly Effect[]): void {
      try {
        for (const effect of effects) perform(effect);
      } catch (error) {
        fail(error);
        return;
      }
      clearTimeout(timer);
      if (runner.isOver) {
        void closeAll(sockets.values()).then(() => resolve(runner));
        return;
      }
      if (runner.wakeAt !== undefined)
        timer = setTimeout(() => execute(runner.tick(now())), Math.max(0, runner.wakeAt - now()));
    }

    function fail(error: unknown): void {
      clearTimeout(timer);
      void closeAll(sockets.values());
      reject(error);
    }

    function perform(effect: Effect): void {
      switch (effect.type) {
        case "open":
          void open(effect).catch(fail);
          return;
        case "send":
          sockets.get(effect.connection)?.send(effect.data);
          return;
        case "send_token": {
          const token = tokens.newer(effect.connection.client);
          sockets.get(effect.connection)?.send(JSON.stringify({ ...effect.frame, token }));
          return;
        }
        case "close":
          close(sockets.get(effect.connection), effect.code, effect.reason);
          return;
        case "fault": {
          const { action } = effect;
          void requestFault(target, tokens.own(effect.connection.client), effect).then((problem) =>
            execute(runner.faultSettled(action, problem, now())),
          );
          return;
        }
        default:
          effect satisfies never;
      }
    }

    async function open({
      connection,
      token: kind,
      after,
      epoch,
      streams,
    }: Effect & { type: "open" }): Promise<void> {
      const name = identities.userOf.get(connection.client) ?? "";
      const token = await tokens.forConnection(connection.client, kind, connectionIds.get(name));
      const user = encodeURIComponent(name);
      const conversation = encodeURIComponent(
        mapping.conversation(conversations.get(connection.client) ?? ""),
      );
      const query = new URLSearchParams({
        ...(after !== undefined && { after: `${after}` }),
        ...(epoch !== undefined && { epoch }),
        ...(streams && { streams: "1" }),
      });
      const address = `${target.ws}/ws/${user}/${conversation}${query.size === 0 ? "" : `?${query}`}`;
      // In a header, not in the URL, which ends up in the logs of proxies.
      const protocols = token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, `bearer.${token}`];
      const socket = new WebSocket(address, protocols);
      socket.binaryType = "arraybuffer";
      sockets.set(connection, socket);
      let wasOpen = false;
      socket.addEventListener("open", () => {
        wasOpen = true;
        execute(runner.opened(connection, now()));
      });
      socket.addEventListener("message", ({ data }) => {
        const connectionId =
          typeof data === "string" && /^\{"type":"welcome","connection":"(\w+)"/.exec(data)?.[1];
        if (connectionId) connectionIds.set(name, connectionId);
        execute(runner.received(connection, typeof data === "string" ? data : new Uint8Array(data), now()));
      });
      socket.addEventListener("close", ({ code, reason }) => {
        sockets.delete(connection);
        // Browsers report a rejected handshake as 1006; other runtimes use various codes and texts.
        execute(
          wasOpen
            ? runner.closed(connection, code, reason, now())
            : runner.closed(connection, 1006, "", now()),
        );
      });
      // A close event follows each error, with more details.
      socket.addEventListener("error", () => {});
    }

    execute(runner.start(now()));
  });
}

/** Closes a socket with `code` if a client may use that code, otherwise without one. */
function close(socket: WebSocket | undefined, code: number, reason: string): void {
  const isAllowed = code === 1000 || (code >= 3000 && code <= 4999);
  if (isAllowed) socket?.close(code, reason);
  else socket?.close();
}

/** Requests a fault. Resolves with the reason if the server refused it, otherwise with undefined. */
async function requestFault(
  target: Target,
  token: string,
  { connectionId, fault }: Effect & { type: "fault" },
): Promise<string | undefined> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ connection: connectionId, fault });
  try {
    const response = await fetchServer(target, "/test/faults", { method: "POST", headers, body });
    if (response.ok) return undefined;
    const { detail, code } = await readJsonObject(response);
    if (
      response.status === 404 &&
      (await readJsonObject(await fetchServer(target, "/config.json"))).faults !== true
    )
      return `${target.http} does not inject faults: start the server with TEST_FAULTS=true`;
    return `the server refused the fault (status ${response.status}, ${code ?? "no code"}): ${detail ?? ""}`;
  } catch (error) {
    return (error as Error).message;
  }
}

async function closeAll(sockets: Iterable<WebSocket>): Promise<void> {
  const closing = [...sockets].map((socket) => {
    const closed = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
    socket.close(1000);
    return closed;
  });
  await Promise.race([Promise.all(closing), new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS))]);
}
