import type { ServerFrame } from "../protocol/server-frames.ts";
import { type Connection, openConnection, type SentFrame } from "./connection.ts";
import type { Options } from "./options.ts";
import type { Effect, Event, State } from "./state.ts";
import { FIRST_STATE, isInTouch, step } from "./step.ts";
import type { Timing } from "./timing.ts";
import { lifeOf, subjectOf, type TokenKeeper } from "./token.ts";
import { watchWakes } from "./wake.ts";

/** What a line tells its owner, and asks of it. */
export interface LinePort {
  /** The address to dial for `user`, once what must be known before is known; undefined where there is none. */
  prepare(user: string): Promise<string | undefined>;
  received(frame: ServerFrame): void;
  /** The socket is gone; told before the change of the state. */
  interrupted(): void;
  changed(state: State, before: State): void;
  tokenFailed(error: unknown): void;
}

/** The way to the server of one conversation, over as many sockets as it takes. It does what step.ts decides. */
export interface Line {
  state(): State;
  /** The user, once a token has been read. */
  user(): string | undefined;
  dispatch(event: Event): void;
  /** Sends one frame, if the line is open. */
  send(frame: SentFrame): void;
  /** The line holds, but is of no use: it is lost from now on. */
  giveUp(reason: string): void;
  /** The token of the open socket ends in so many seconds: gives the socket another in time. Where that fails the server closes it, and the next dial asks again. */
  renew(seconds: number): void;
}

/** How long a socket that was given up may take to reach the server after all, in milliseconds. */
const STRAY_LIFE = 30_000;

/** Shortest time that is left of a token, in milliseconds, for which another try to renew it is worth while. */
const LAST_RENEWAL = 2_000;

export function createLine(options: Options, timing: Timing, tokens: TokenKeeper, port: LinePort): Line {
  let state: State = FIRST_STATE;
  let user: string | undefined;
  let token: string | undefined;
  /** When `token` was given to the server. */
  let tokenAt = 0;
  let connection: Connection | undefined;
  /** When the socket was let in; undefined before. */
  let inTouchAt: number | undefined;
  /** When a socket was last given up before it was let in, which the server may take for a newer one than the next. */
  let strayAt = -Infinity;
  /** The newest dialling waits for the token function. */
  let isAsking = false;
  /** The newest dialling: an older one that comes back from asking for a token finds another number. */
  let dialling = 0;
  let endTimer = () => {};
  let endRenewal = () => {};
  let endWatch = watchWakes(dispatch);

  function dispatch(event: Event): void {
    const before = state;
    const { state: after, effects } = step(before, event, Date.now(), Math.random());
    state = after;
    if (after.state !== before.state) {
      endTimer();
      endWatch();
      if (after.state !== "closed") endWatch = watchWakes(dispatch);
      if (after.state !== "connecting") dialling++;
      if (isInTouch(after)) inTouchAt ??= timing.now();
    }
    effects.forEach(carryOut);
    if (after.state !== before.state) port.changed(after, before);
  }

  function carryOut(effect: Effect): void {
    switch (effect.do) {
      case "dial":
        void dial(effect.fresh);
        return;
      case "hang_up":
        connection?.hangUp();
        leave(1006);
        return;
      case "wait":
        endTimer = timing.after(effect.milliseconds, () => dispatch({ type: "time_up" }));
        return;
      default:
        effect satisfies { do: "probe" };
        connection?.probe();
    }
  }

  async function dial(fresh: boolean): Promise<void> {
    const mine = ++dialling;
    let next: string | undefined;
    // Who wants another line while the function has not answered does not want to wait for it any longer.
    if (isAsking) tokens.startAnew();
    isAsking = true;
    try {
      next = await tokens.get(fresh ? token : undefined);
    } catch (error) {
      if (mine !== dialling) return;
      isAsking = false;
      port.tokenFailed(error);
      dispatch({ type: "token_failed", reason: `no token: ${(error as Error)?.message || error}` });
      return;
    }
    if (mine !== dialling) return;
    isAsking = false;
    const subject = options.user ?? subjectOf(next);
    if (!next || !subject || (user ?? subject) !== subject) {
      const reason = !next ? "signed out" : subject ? "not yours" : "not a JWT with a user";
      dispatch({ type: "token_missing", reason });
      return;
    }
    token = next;
    user = subject;
    const address = await port.prepare(subject);
    if (mine !== dialling) return;
    if (!address) return lost(4400, "bad address");
    tokenAt = timing.now();
    try {
      connection = openConnection(address, next, options, { received: port.received, lost });
    } catch (error) {
      // A page's policy, or a token with a character that no subprotocol has.
      lost(1006, String(error));
    }
  }

  /** The socket is gone, with `code`. Returns for how long it had been let in, in milliseconds. */
  function leave(code: number): number {
    const lasted = inTouchAt === undefined ? 0 : timing.now() - inTouchAt;
    if (connection !== undefined && inTouchAt === undefined && code === 1006) strayAt = timing.now();
    connection = inTouchAt = undefined;
    endRenewal();
    port.interrupted();
    return lasted;
  }

  function lost(code: number, reason: string): void {
    const hasStray = timing.now() - strayAt < STRAY_LIFE;
    const lasted = leave(code);
    dispatch({ type: "line_lost", code, reason, lasted, renewable: tokens.isRenewable, hasStray });
  }

  function renew(seconds: number): void {
    if (!tokens.isRenewable) return;
    const mine = connection;
    const left = seconds * 1000;
    const end = timing.now() + left;
    const life = Math.max(lifeOf(token) ?? 0, timing.now() - tokenAt + left);
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
          port.tokenFailed(error);
        }
        const rest = end - timing.now();
        if (rest > LAST_RENEWAL) plan(rest / 2);
      });
    }
  }

  void dial(false);
  return {
    state: () => state,
    user: () => user,
    dispatch,
    send: (frame) => connection?.send(frame),
    giveUp: (reason) => connection?.giveUp(reason),
    renew,
  };
}
