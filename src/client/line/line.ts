import { newId } from "../new-id.ts";
import type { Timing } from "../timing.ts";
import type { SentFrame, UserFrame } from "../types/frames.ts";
import type { Options } from "../types/options.ts";
import { createReadable, type Readable } from "../values/readable.ts";
import { watchNetwork } from "./network-events.ts";
import { openSocket, type Socket } from "./socket.ts";
import type { LineEffect, LineEvent, LineState, Status } from "./state.ts";
import { IDLE, isConnected, step } from "./step.ts";
import { lifetimeOf, subjectOf, type TokenCache } from "./token.ts";

/** Callbacks of a line. */
export interface LineOwner {
  /** A token has named the user. */
  onUser(): void;
  onFrame(frame: UserFrame): void;
  /** The socket is closed; called before the state changes. */
  onDown(): void;
  onState(state: LineState): void;
  onTokenError(error: unknown): void;
  /** Whether a conversation, the inbox or a request needs the line. */
  isUsed(): boolean;
}

/** The connection of a `connect()`, over one socket after the other. It carries out what step.ts decides. */
export interface Line {
  readonly status: Readable<Status>;
  state(): LineState;
  /** The user, once a token has been read. */
  user(): string | undefined;
  dispatch(event: LineEvent): void;
  /** Sends one frame, if the socket is open. */
  send(frame: SentFrame): void;
  /** Treats an open socket that is of no use as lost. */
  fail(reason: string): void;
  /** The token of the open socket expires in `seconds`: sends the server another in time. If that fails, the server closes the socket, and the next attempt gets a new token. */
  renewToken(seconds: number): void;
}

/** How long an abandoned socket may still take to reach the server, in milliseconds. */
const STRAY_SOCKET_LIFETIME_MS = 30_000;

/** Shortest remaining lifetime of a token, in milliseconds, for which another attempt to renew it is worthwhile. */
const MIN_RENEWAL_LEFT_MS = 2_000;

export function createLine(options: Options, timing: Timing, tokens: TokenCache, owner: LineOwner): Line {
  /**
   * Identifies this `connect()` to the server: a socket replaces an older one with the same name, so that a dead connection
   * does not count against the limit. It is not stored: a duplicated tab would copy its storage, too.
   */
  const client = newId();
  let state: LineState = IDLE;
  const [status, setStatus] = createReadable<Status>({ state: "idle" });
  let user = options.user;
  let token: string | undefined;
  /** When `token` was sent to the server. */
  let tokenAt = 0;
  let socket: Socket<SentFrame> | undefined;
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
  let endWatch = () => {};

  function dispatch(event: LineEvent): void {
    const before = state;
    const next = step(before, event, Date.now(), Math.random());
    state = next.state;
    const { state: at } = state;
    if (at !== before.state) {
      endTimer();
      endWatch();
      if (at !== "closed" && at !== "idle") endWatch = watchNetwork(dispatch);
      if (at !== "connecting") dialCount++;
      if (isConnected(state)) connectedAt ??= timing.now();
    }
    next.effects.forEach(carryOut);
    if (at === before.state) return;
    const { attempt: _, closing, fresh, firm, ...shown } = state;
    setStatus(shown as Status);
    owner.onState(state);
  }

  function carryOut(effect: LineEffect): void {
    switch (effect.type) {
      case "dial":
        void dial(effect.fresh);
        return;
      case "close":
        socket?.close();
        dropSocket(1006);
        return;
      case "wait":
        endTimer = timing.after(effect.milliseconds, () => dispatch({ type: "timer", used: owner.isUsed() }));
        return;
      default:
        effect satisfies { type: "probe" };
        socket?.probe();
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
    owner.onUser();
    tokenAt = timing.now();
    const address = new URL(options.url.replace(/^http/, "ws"));
    const path = `${address.pathname.replace(/\/$/, "")}/ws/${encodeURIComponent(subject)}`;
    address.pathname = path;
    address.search = `client=${client}`;
    // `..` is removed from a URL (RFC 3986 §5.2.4): the server would never see that name.
    if (address.pathname !== path) return onClose(4400, "bad address");
    if (!(options.WebSocket ?? globalThis.WebSocket))
      return onClose(4400, "no WebSocket: use node --experimental-websocket, or the option WebSocket");
    try {
      socket = openSocket(address.href, next, options, { onFrame: owner.onFrame, onClose });
    } catch (error) {
      // The page's security policy forbids it, or the token has a character that a subprotocol cannot contain.
      onClose(1006, String(error));
    }
  }

  /** Forgets the socket, which closed with `code`. Returns how long it was connected after `welcome`, in milliseconds. */
  function dropSocket(code: number): number {
    const lasted = connectedAt === undefined ? 0 : timing.now() - connectedAt;
    if (socket !== undefined && connectedAt === undefined && code === 1006) strayAt = timing.now();
    socket = connectedAt = undefined;
    endRenewal();
    owner.onDown();
    return lasted;
  }

  function onClose(code: number, reason: string): void {
    const hasStray = timing.now() - strayAt < STRAY_SOCKET_LIFETIME_MS;
    const lasted = dropSocket(code);
    dispatch({ type: "connection_lost", code, reason, lasted, renewable: tokens.isRenewable, hasStray });
  }

  function renewToken(seconds: number): void {
    if (!tokens.isRenewable) return;
    const mine = socket;
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
          if (socket !== mine || next === undefined) return;
          if (next !== token) {
            token = next;
            tokenAt = timing.now();
            mine?.send({ type: "token", token });
            return;
          }
        } catch (error) {
          if (socket !== mine) return;
          owner.onTokenError(error);
        }
        const rest = end - timing.now();
        if (rest > MIN_RENEWAL_LEFT_MS) plan(rest / 2);
      });
    }
  }

  return {
    status,
    state: () => state,
    user: () => user,
    dispatch,
    send: (frame) => socket?.send(frame),
    fail: (reason) => socket?.fail(reason),
    renewToken,
  };
}
