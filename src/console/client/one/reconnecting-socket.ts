import { watchNetwork } from "../../../client/line/network-events.ts";
import { lifetimeOf, subjectOf, type TokenCache } from "../../../client/line/token.ts";
import type { Timing } from "../../../client/timing.ts";
import type { ServerFrame } from "../../../protocol/server-frames.ts";
import { type Connection, type OutgoingFrame, openConnection } from "./connection.ts";
import type { Options } from "./options.ts";
import type { Effect, Event, State } from "./state.ts";
import { INITIAL_STATE, isConnected, step } from "./step.ts";

/** Callbacks of a reconnecting socket. */
export interface SocketOwner {
  /** Resolves with the URL to connect to as `user`, once the saved messages are loaded; undefined if no URL can be formed. */
  resolveAddress(user: string): Promise<string | undefined>;
  onFrame(frame: ServerFrame): void;
  /** The socket is closed; called before the state changes. */
  onDisconnect(): void;
  onState(state: State, before: State): void;
  onTokenError(error: unknown): void;
}

/** The connection of one conversation, over one socket after the other. It carries out what step.ts decides. */
export interface ReconnectingSocket {
  state(): State;
  /** The user, once a token has been read. */
  user(): string | undefined;
  dispatch(event: Event): void;
  /** Sends one frame, if the socket is open. */
  send(frame: OutgoingFrame): void;
  /** Treats an open socket that is of no use as lost. */
  fail(reason: string): void;
  /** The token of the open socket expires in `seconds`: sends the server another in time. If that fails, the server closes the socket, and the next attempt gets a new token. */
  renewToken(seconds: number): void;
}

/** How long an abandoned socket may still take to reach the server, in milliseconds. */
const STRAY_SOCKET_LIFETIME_MS = 30_000;

/** Shortest remaining lifetime of a token, in milliseconds, for which another attempt to renew it is worthwhile. */
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
  /** When `token` was sent to the server. */
  let tokenAt = 0;
  let connection: Connection | undefined;
  /** When the socket received `welcome`; undefined before. */
  let connectedAt: number | undefined;
  /** When a socket was last abandoned before its `welcome`: if it reaches the server late, it can replace the next one. */
  let strayAt = -Infinity;
  /** The newest attempt waits for the token function. */
  let isFetchingToken = false;
  /** Number of the newest attempt. An older one that resumes after an `await` finds another number and stops. */
  let dialCount = 0;
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
      if (after.state !== "connecting") dialCount++;
      if (isConnected(after)) connectedAt ??= timing.now();
    }
    effects.forEach(carryOut);
    if (after.state !== before.state) owner.onState(after, before);
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
    const mine = ++dialCount;
    let next: string | undefined;
    // A new attempt while the token function is still running does not wait for that call any longer.
    if (isFetchingToken) tokens.abandon();
    isFetchingToken = true;
    try {
      next = await tokens.get(fresh ? token : undefined);
    } catch (error) {
      if (mine !== dialCount) return;
      isFetchingToken = false;
      owner.onTokenError(error);
      dispatch({ type: "token_failed", reason: `no token: ${(error as Error)?.message || error}` });
      return;
    }
    if (mine !== dialCount) return;
    isFetchingToken = false;
    const subject = options.user ?? subjectOf(next);
    if (!next || !subject || (user ?? subject) !== subject) {
      const reason = !next ? "signed out" : subject ? "token of another user" : "not a JWT with a user";
      dispatch({ type: "token_missing", reason });
      return;
    }
    token = next;
    user = subject;
    const address = await owner.resolveAddress(subject);
    if (mine !== dialCount) return;
    if (!address) return onClose(4400, "bad address");
    tokenAt = timing.now();
    try {
      connection = openConnection(address, next, options, { onFrame: owner.onFrame, onClose });
    } catch (error) {
      // The page's security policy forbids it, or the token has a character that a subprotocol cannot contain.
      onClose(1006, String(error));
    }
  }

  /** Forgets the socket, which closed with `code`. Returns how long it was connected after `welcome`, in milliseconds. */
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
    // For a token that lives shorter than the warning time, the warning comes right after it is accepted.
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
