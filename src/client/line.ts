import type { ServerFrame } from "../protocol/server-frames.ts";
import { type Connection, openConnection, type SentFrame } from "./connection.ts";
import type { Options } from "./options.ts";
import type { Effect, Event, State } from "./state.ts";
import { FIRST_STATE, step } from "./step.ts";
import { subjectOf, type TokenKeeper } from "./token.ts";
import { watchWakes } from "./wake.ts";

/** Longest time a timer of JavaScript can wait, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Calls `task` at `time` (milliseconds since 1970), or after as long as a timer can wait. */
export function setTimer(task: () => void, time: number): ReturnType<typeof setTimeout> {
  return setTimeout(task, Math.min(Math.max(time - Date.now(), 0), LONGEST_TIMER));
}

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
  /** Gives the open socket another token. Where that fails the server closes it, and the next dial asks again. */
  renew(): Promise<void>;
}

export function createLine(options: Options, tokens: TokenKeeper, port: LinePort): Line {
  let state: State = FIRST_STATE;
  let user: string | undefined;
  let token: string | undefined;
  let connection: Connection | undefined;
  /** The newest dialling: an older one that comes back from asking for a token finds another number. */
  let dialling = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let endWatch = watchWakes(dispatch);

  function dispatch(event: Event): void {
    const before = state;
    const { state: after, effects } = step(before, event, Date.now(), Math.random());
    state = after;
    if (after.at !== before.at) {
      clearTimeout(timer);
      endWatch();
      if (after.at !== "closed") endWatch = watchWakes(dispatch);
      if (after.at !== "connecting") dialling++;
    }
    effects.forEach(carryOut);
    if (after.at !== before.at) port.changed(after, before);
  }

  function carryOut(effect: Effect): void {
    switch (effect.do) {
      case "dial":
        void dial(effect.fresh);
        return;
      case "hang_up":
        connection?.hangUp();
        port.interrupted();
        return;
      case "wait":
        timer = setTimer(() => dispatch({ type: "time_up" }), effect.until);
        return;
      case "probe":
        connection?.probe();
        return;
      default:
        effect satisfies never;
    }
  }

  async function dial(fresh: boolean): Promise<void> {
    const mine = ++dialling;
    let next: string | undefined;
    try {
      next = await tokens.get(fresh ? token : undefined);
    } catch (error) {
      if (mine !== dialling) return;
      port.tokenFailed(error);
      dispatch({ type: "token_failed", reason: "no token" });
      return;
    }
    if (mine !== dialling) return;
    const subject = options.user ?? (next && subjectOf(next));
    if (!next || !subject || (user ?? subject) !== subject) {
      dispatch({ type: "token_missing", reason: next ? "not yours" : "signed out" });
      return;
    }
    token = next;
    user = subject;
    const address = await port.prepare(subject);
    if (mine !== dialling) return;
    if (!address) return lost(4400, "bad address");
    try {
      connection = openConnection(address, next, options, { received: port.received, lost });
    } catch (error) {
      // A page's policy, or a token with a character that no subprotocol has.
      lost(1006, String(error));
    }
  }

  function lost(code: number, reason: string): void {
    connection = undefined;
    port.interrupted();
    dispatch({ type: "line_lost", code, reason, renewable: tokens.isRenewable });
  }

  void dial(false);
  return {
    state: () => state,
    user: () => user,
    dispatch,
    send: (frame) => connection?.send(frame),
    async renew() {
      const mine = connection;
      try {
        const next = await tokens.get(token);
        if (!next || next === token || connection !== mine) return;
        token = next;
        mine?.send({ type: "token", token });
      } catch (error) {
        port.tokenFailed(error);
      }
    },
  };
}
