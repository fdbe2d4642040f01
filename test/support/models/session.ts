import { fullBucket } from "../../../src/core/session/flood-guard.ts";
import { step } from "../../../src/core/session/session.ts";
import type {
  Effect,
  Live,
  Session,
  SessionEvent,
  SessionRules,
  Step,
  TokenAccess,
} from "../../../src/core/session/state.ts";
import { decodeClientFrame } from "../../../src/protocol/decode.ts";
import type { Quota, ServerFrame, ServerFrameOf } from "../../../src/protocol/server-frames.ts";

/** When the tests of sessions begin; the settings' defaults are counted from here. */
export const START_MS = 1_000_000;

/** The settings' defaults, in milliseconds. */
export const RULES: SessionRules = {
  inactivity: 300_000,
  inactivityWarning: 30_000,
  credentialTimeout: 5_000,
  pingInterval: 25_000,
  pongTimeout: 10_000,
  burst: { rate: 20, size: 40 },
  maxWaiting: 32,
  maxUnsent: 1_048_576,
};

export const QUOTA: Quota = { limit: 100, remaining: 50, reset: 60 };

export const WELCOME: ServerFrameOf<"welcome"> = {
  type: "welcome",
  connection: "c1",
  conversation: "lobby",
  user: "anna",
  plan: "free",
  seq: 0,
  epoch: "e1",
  resumed: false,
  quota: QUOTA,
  inactivity: { timeout: 300, warning: 30 },
  present: [],
  server: { name: "parley", protocol: 1 },
};

/** A token that does not end, and allows all. */
export const ACCESS: TokenAccess = {
  expiresAt: Number.POSITIVE_INFINITY,
  lifetime: Number.POSITIVE_INFINITY,
  writeRefusal: undefined,
};

export const ADMITTED: Extract<SessionEvent, { type: "admitted" }> = {
  type: "admitted",
  welcome: WELCOME,
  access: ACCESS,
  behind: false,
};

/** A session that was let in at START and has done nothing since. */
export function live(fields: Partial<Live> = {}): Live {
  return {
    phase: "live",
    expiresAt: Number.POSITIVE_INFINITY,
    writeRefusal: undefined,
    expiryWarningAt: Number.POSITIVE_INFINITY,
    catchingUpSince: undefined,
    reading: undefined,
    held: 0,
    activeAt: START_MS,
    inactivityWarned: false,
    waiting: 0,
    paused: false,
    bucket: fullBucket(RULES.burst, START_MS),
    lastReceivedAt: START_MS,
    pingDueAt: START_MS + RULES.pingInterval,
    pingedAt: 0,
    pongTimeout: RULES.pongTimeout,
    quotaWarned: false,
    ...fields,
  };
}

/** The event of a frame that arrives, as the connection makes it. */
export function frame(content: Record<string, unknown> | string): Extract<SessionEvent, { type: "frame" }> {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { type: "frame", decoded: decodeClientFrame(text) };
}

/** The frames that a step sends. */
export function sentFrames(effects: readonly Effect[]): ServerFrame[] {
  return effects.flatMap((effect) => (effect.type === "send" ? [effect.frame] : []));
}

/** A step in short: the phase after it, and its effects in order, notes left out. */
export function summary({ session, effects }: Step): string {
  const words = effects.flatMap((effect) => {
    if (effect.type === "note") return [];
    if (effect.type === "send") return [effect.frame.type];
    if (effect.type === "feed") return [JSON.parse(effect.frame).type];
    return [effect.type === "close" ? `close ${effect.code}` : effect.type];
  });
  return [session.phase, ...words].join(" ");
}

/** A session and its time, moved on event by event; every effect is kept. */
export class SessionRun {
  readonly effects: Effect[] = [];
  now = START_MS;

  constructor(
    public session: Session = live(),
    readonly rules: SessionRules = RULES,
  ) {}

  /** Applies `event` at the present time, and returns its step. */
  apply(event: SessionEvent): Step {
    const result = step(this.session, event, this.now, this.rules);
    this.session = result.session;
    this.effects.push(...result.effects);
    return result;
  }

  /** Advances the time and lets the session check it. */
  advance(milliseconds: number, unsent = 0): Step {
    this.now += milliseconds;
    return this.apply({ type: "tick", unsent });
  }

  /** Everything sent so far. */
  sent(): ServerFrame[] {
    return sentFrames(this.effects);
  }
}
