// Carries a run out over real sockets: one for each line, raw frames, nothing of the client library.
import { SUBPROTOCOL } from "../../protocol/version.ts";
import type { Effect } from "../../scenario/effects.ts";
import { Names } from "../../scenario/names.ts";
import type { Plan, PlannedLine } from "../../scenario/plan.ts";
import { Play, type PlayOptions } from "../../scenario/play.ts";
import { reach, readObject } from "../sign-in.ts";
import type { Target } from "../target.ts";
import type { Casting } from "./cast.ts";
import type { Tokens } from "./tokens.ts";

export interface Run {
  readonly plan: Plan;
  readonly casting: Casting;
  readonly target: Target;
  readonly tokens: Tokens;
  readonly options: PlayOptions;
}

/** How long sockets may take to close at the end, in milliseconds: a frozen line would take as long as it is frozen. */
const LAST_CLOSE = 500;

/** Plays a recording to its end. */
export function playRecording({ plan, casting, target, tokens, options }: Run): Promise<Play> {
  const names = new Names(plan.recording, casting);
  const play = new Play(plan, names, options);
  const sockets = new Map<PlannedLine, WebSocket>();
  const places = new Map(plan.recording.clients.map(({ name, conversation }) => [name, conversation]));
  /** By user, the server's name for the last line that was let in. */
  const connections = new Map<string, string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const now = () => performance.now();

  return new Promise((resolve, reject) => {
    function take(effects: readonly Effect[]): void {
      try {
        for (const effect of effects) carryOut(effect);
      } catch (error) {
        fail(error);
        return;
      }
      clearTimeout(timer);
      if (play.isOver) {
        void closeAll(sockets.values()).then(() => resolve(play));
        return;
      }
      if (play.wakeAt !== undefined)
        timer = setTimeout(() => take(play.tick(now())), Math.max(0, play.wakeAt - now()));
    }

    function fail(error: unknown): void {
      clearTimeout(timer);
      void closeAll(sockets.values());
      reject(error);
    }

    function carryOut(effect: Effect): void {
      switch (effect.do) {
        case "open":
          void open(effect).catch(fail);
          return;
        case "send":
          sockets.get(effect.line)?.send(effect.data);
          return;
        case "send_token": {
          const token = tokens.newer(effect.line.client);
          sockets.get(effect.line)?.send(JSON.stringify({ ...effect.frame, token }));
          return;
        }
        case "close":
          close(sockets.get(effect.line), effect.code, effect.reason);
          return;
        case "fault": {
          const { action } = effect;
          void askFault(target, tokens.own(effect.line.client), effect).then((problem) =>
            take(play.faulted(action, problem, now())),
          );
          return;
        }
        default:
          effect satisfies never;
      }
    }

    async function open({ line, token: kind, after, epoch }: Effect & { do: "open" }): Promise<void> {
      const name = casting.userOf.get(line.client) ?? "";
      const token = await tokens.forLine(line.client, kind, connections.get(name));
      const user = encodeURIComponent(name);
      const conversation = encodeURIComponent(names.conversation(places.get(line.client) ?? ""));
      const query = new URLSearchParams({
        ...(after !== undefined && { after: `${after}` }),
        ...(epoch !== undefined && { epoch }),
      });
      const address = `${target.ws}/ws/${user}/${conversation}${query.size === 0 ? "" : `?${query}`}`;
      // In a header and not in the address, which ends up in the logs of proxies.
      const protocols = token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, `bearer.${token}`];
      const socket = new WebSocket(address, protocols);
      socket.binaryType = "arraybuffer";
      sockets.set(line, socket);
      let wasOpen = false;
      socket.addEventListener("open", () => {
        wasOpen = true;
        take(play.opened(line, now()));
      });
      socket.addEventListener("message", ({ data }) => {
        const connection =
          typeof data === "string" && /^\{"type":"welcome","connection":"(\w+)"/.exec(data)?.[1];
        if (connection) connections.set(name, connection);
        take(play.received(line, typeof data === "string" ? data : new Uint8Array(data), now()));
      });
      socket.addEventListener("close", ({ code, reason }) => {
        sockets.delete(line);
        // Browsers show a refused handshake as 1006; runtimes have codes and words of their own for it.
        take(wasOpen ? play.closed(line, code, reason, now()) : play.closed(line, 1006, "", now()));
      });
      // A close follows each error, and says more.
      socket.addEventListener("error", () => {});
    }

    take(play.start(now()));
  });
}

/** Codes that a client may close with itself. */
function close(socket: WebSocket | undefined, code: number, reason: string): void {
  const isAllowed = code === 1000 || (code >= 3000 && code <= 4999);
  if (isAllowed) socket?.close(code, reason);
  else socket?.close();
}

/** Asks for a fault. Answers why it was not made; undefined where it was. */
async function askFault(
  target: Target,
  token: string,
  { connection, fault }: Effect & { do: "fault" },
): Promise<string | undefined> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ connection, fault });
  try {
    const answer = await reach(target, "/test/faults", { method: "POST", headers, body });
    if (answer.ok) return undefined;
    const { detail, code } = await readObject(answer);
    if (answer.status === 404 && (await readObject(await reach(target, "/config.json"))).faults !== true)
      return `${target.http} makes no faults: start the server with TEST_FAULTS=true`;
    return `the server would not make the fault (status ${answer.status}, ${code ?? "no code"}): ${detail ?? ""}`;
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
  await Promise.race([Promise.all(closing), new Promise((resolve) => setTimeout(resolve, LAST_CLOSE))]);
}
