import type { ServerFrame } from "../../protocol/server-frames.ts";
import type { Options } from "../options.ts";
import type { Timing } from "../timing.ts";
import { type Connection, type OutgoingFrame, openConnection } from "./connection.ts";
import { watchNetwork } from "./network-events.ts";
import type { Effect, Event, State } from "./state.ts";
import { INITIAL_STATE, isConnected, step } from "./step.ts";
import { lifetimeOf, subjectOf, type TokenCache } from "./token.ts";

/** What a line tells its owner, and asks of it. */
export interface SocketOwner {
  /** The address to dial for `user`, once what must be known before is known; undefined where there is none. */
  resolveAddress(user: string): Promise<string | undefined>;
  onFrame(frame: ServerFrame): void;
  /** The socket is gone; told before the change of the state. */
  onDisconnect(): void;
  onStateChange(state: State, before: State): void;
  onTokenError(error: unknown): void;
}

/** The way to the server of one conversation, over as many sockets as it takes. It does what step.ts decides. */
export interface ReconnectingSocket {
  state(): State;
  /** The user, once a token has been read. */
  user(): string | undefined;
  dispatch(event: Event): void;
  /** Sends one frame, if the line is open. */
  send(frame: OutgoingFrame): void;
  /** The line holds, but is of no use: it is lost from now on. */
  fail(reason: string): void;
  /** The token of the open socket ends in so many seconds: gives the socket another in time. Where that fails the server closes it, and the next dial asks again. */
  renewToken(seconds: number): void;
}

/** How long a socket that was given up may take to reach the server after all, in milliseconds. */
const STRAY_SOCKET_LIFETIME_MS = 30_000;

/** Shortest time that is left of a token, in milliseconds, for which another try to renew it is worth while. */
const MIN_RENEWAL_LEFT_MS = 2_000;

export function createReconnectingSocket(
  options: Options,
  timing: Timing,
  tokens: TokenCache,
  owner: SocketOwner,
): ReconnectingSocket {
  let state: State = INITIAL_STATE;
  let user: string | undefined;
  let token: string | undefined;
  /** When `token` was given to the server. */
  let tokenAt = 0;
  let connection: Connection | undefined;
  /** When the socket was let in; undefined before. */
  let connectedAt: number | undefined;
  /** When a socket was last given up before it was let in, which the server may take for a newer one than the next. */
  let strayAt = -Infinity;
  /** The newest dialling waits for the token function. */
  let isFetchingToken = false;
  /** The newest dialling: an older one that comes back from asking for a token finds another number. */
  let dialling = 0;
  let endTimer = () => {};
  let endRenewal = () => {};
  let endWatch = watchNetwork(dispatch);

  function dispatch(event: Event): void {
    const before = state;
    const { state: after, effects } = step(before, event, Date.now(), Math.random());
    state = after;
    if (after.state !== before.state) {
      endTimer();
      endWatch();
      if (after.state !== "closed") endWatch = watchNetwork(dispatch);
      if (after.state !== "connecting") dialling++;
      if (isConnected(after)) connectedAt ??= timing.now();
    }
    effects.forEach(carryOut);
    if (after.state !== before.state) owner.onStateChange(after, before);
  }

  function carryOut(effect: Effect): void {
    switch (effect.type) {
      case "dial":
        void dial(effect.fresh);
        return;
      case "close":
        connection?.close();
        dropConnection(1006);
        return;
      case "wait":
        endTimer = timing.after(effect.milliseconds, () => dispatch({ type: "timer" }));
        return;
      default:
        effect satisfies { type: "probe" };
        connection?.probe();
    }
  }

  async function dial(fresh: boolean): Promise<void> {
    const mine = ++dialling;
    let next: string | undefined;
    // Who wants another line while the function has not answered does not want to wait for it any longer.
    if (isFetchingToken) tokens.abandonPending();
    isFetchingToken = true;
    try {
      next = await tokens.get(fresh ? token : undefined);
    } catch (error) {
      if (mine !== dialling) return;
      isFetchingToken = false;
      owner.onTokenError(error);
      dispatch({ type: "token_failed", reason: `no token: ${(error as Error)?.message || error}` });
      return;
    }
    if (mine !== dialling) return;
    isFetchingToken = false;
    const subject = options.user ?? subjectOf(next);
    if (!next || !subject || (user ?? subject) !== subject) {
      const reason = !next ? "signed out" : subject ? "not yours" : "not a JWT with a user";
      dispatch({ type: "token_missing", reason });
      return;
    }
    token = next;
    user = subject;
    const address = await owner.resolveAddress(subject);
    if (mine !== dialling) return;
    if (!address) return onClose(4400, "bad address");
    tokenAt = timing.now();
    try {
      connection = openConnection(address, next, options, { onFrame: owner.onFrame, onClose });
    } catch (error) {
      // A page's policy, or a token with a character that no subprotocol has.
      onClose(1006, String(error));
    }
  }

  /** The socket is gone, with `code`. Returns for how long it had been let in, in milliseconds. */
  function dropConnection(code: number): number {
    const lasted = connectedAt === undefined ? 0 : timing.now() - connectedAt;
    if (connection !== undefined && connectedAt === undefined && code === 1006) strayAt = timing.now();
    connection = connectedAt = undefined;
    endRenewal();
    owner.onDisconnect();
    return lasted;
  }

  function onClose(code: number, reason: string): void {
    const hasStray = timing.now() - strayAt < STRAY_SOCKET_LIFETIME_MS;
    const lasted = dropConnection(code);
    dispatch({ type: "connection_lost", code, reason, lasted, renewable: tokens.isRenewable, hasStray });
  }

  function renewToken(seconds: number): void {
    if (!tokens.isRenewable) return;
    const mine = connection;
    const left = seconds * 1000;
    const end = timing.now() + left;
    const life = Math.max(lifetimeOf(token) ?? 0, timing.now() - tokenAt + left);
    // A token that is shorter than the warning is warned of as soon as it is taken.
    plan(left - life / 4);

    function plan(milliseconds: number): void {
      endRenewal();
      endRenewal = timing.after(milliseconds, async () => {
        try {
          const next = await tokens.get(token);
          if (connection !== mine || next === undefined) return;
          if (next !== token) {
            token = next;
            tokenAt = timing.now();
            mine?.send({ type: "token", token });
            return;
          }
        } catch (error) {
          if (connection !== mine) return;
          owner.onTokenError(error);
        }
        const rest = end - timing.now();
        if (rest > MIN_RENEWAL_LEFT_MS) plan(rest / 2);
      });
    }
  }

  void dial(false);
  return {
    state: () => state,
    user: () => user,
    dispatch,
    send: (frame) => connection?.send(frame),
    fail: (reason) => connection?.fail(reason),
    renewToken,
  };
}
