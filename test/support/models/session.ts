import { stepConnection } from "../../../src/core/session/connection-session.ts";
import type {
  ConnectionEffect,
  ConnectionEvent,
  ConnectionSession,
  Live,
  SessionRules,
  TokenTerm,
} from "../../../src/core/session/connection-state.ts";
import { fullBucket } from "../../../src/core/session/flood-guard.ts";
import { stepMembership, stepRequest } from "../../../src/core/session/membership.ts";
import {
  isRequest,
  JOINING,
  LEFT,
  type Membership,
  type MembershipEffect,
  type MembershipEvent,
  type MembershipStep,
  type OpenedEvent,
  openMembership,
  type RequestFrame,
  type RequestStep,
} from "../../../src/core/session/membership-state.ts";
import { type DecodeResult, decodeClientFrame } from "../../../src/protocol/decode.ts";
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
  rev: 0,
  epoch: "e1",
  resumed: false,
  quota: QUOTA,
  limits: {
    ...{ conversations: 64, connections: 5, frame_bytes: 65_536 },
    ...{ stream_bytes: 262_144, streams: 8, edit_seconds: 0 },
  },
  inactivity: { timeout: 300, warning: 30 },
  present: [],
  present_count: 0,
  at: 1_795_437_965_658,
  server: { name: "parley", protocol: 1 },
};

/** A token that does not end. */
export const TERM: TokenTerm = { expiresAt: Number.POSITIVE_INFINITY, lifetime: Number.POSITIVE_INFINITY };

/** Nothing was missed, and the user may write. */
export const OPENED: OpenedEvent = { type: "opened", behind: false, position: 0, writeRefusal: undefined };

export const ADMITTED: Extract<ConnectionEvent, { type: "admitted" }> = {
  type: "admitted",
  welcome: WELCOME,
  term: TERM,
  opened: OPENED,
};

/** A connection that was let in at START and has done nothing since. */
export function live(fields: Partial<Live> = {}): Live {
  return {
    phase: "live",
    expiresAt: Number.POSITIVE_INFINITY,
    expiryWarningAt: Number.POSITIVE_INFINITY,
    catchingUpSince: undefined,
    activeAt: START_MS,
    inactivityWarned: false,
    waiting: 0,
    full: false,
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

/** The event of a frame that arrives. */
export function frame(
  content: Record<string, unknown> | string,
): Extract<ConnectionEvent, { type: "frame" }> {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { type: "frame", decoded: decodeClientFrame(text) };
}

type SessionEffect = ConnectionEffect | MembershipEffect;

/** The frames that a step sends. */
export function sentFrames(effects: readonly SessionEffect[]): ServerFrame[] {
  return effects.flatMap((effect) => (effect.type === "send" ? [effect.frame as ServerFrame] : []));
}

/** A step in short: the phase after it, and its effects in order, notes left out. */
export function summary({
  phase,
  effects,
}: {
  readonly phase: string;
  readonly effects: readonly SessionEffect[];
}): string {
  const words = effects.flatMap((effect) => {
    if (effect.type === "note") return [];
    if (effect.type === "send") return [effect.frame.type];
    if (effect.type === "feed") return [JSON.parse(effect.frame).type];
    return [effect.type === "close" ? `close ${effect.code}` : effect.type];
  });
  return [phase, ...words].join(" ");
}

/** What came of an event, for the connection and its membership together. */
export interface SessionOutcome {
  readonly phase: ConnectionSession["phase"];
  readonly session: ConnectionSession;
  readonly membership: Membership;
  readonly effects: readonly SessionEffect[];
}

const MEMBERSHIP_EVENTS: ReadonlySet<string> = new Set<MembershipEvent["type"]>([
  "request",
  "opened",
  "page_sent",
  "caught_up",
  "page_left",
  "posted",
  "history_read",
  "rights_changed",
  "left",
]);

function isMembershipEvent(event: ConnectionEvent | MembershipEvent): event is MembershipEvent {
  return MEMBERSHIP_EVENTS.has(event.type);
}

/**
 * A connection with one membership, and their time, moved on event by event. What one step has to say to the other is
 * passed on, and what was held is given again, as by server/socket; every other effect is kept.
 */
export class SessionRun {
  readonly effects: SessionEffect[] = [];
  now = START_MS;
  private held: DecodeResult[] = [];
  private heldRequests: RequestFrame[] = [];

  constructor(
    public session: ConnectionSession = live(),
    readonly rules: SessionRules = RULES,
    public membership: Membership = session.phase === "live" ? openMembership(undefined) : JOINING,
  ) {}

  /** Lets `event` happen now, and returns what came of it. */
  apply(event: ConnectionEvent | MembershipEvent): SessionOutcome {
    const first = this.effects.length;
    if (isMembershipEvent(event)) this.carryOut(stepMembership(this.membership, event, this.rules));
    else if (event.type === "frame") this.receive(event.decoded, event.counted);
    else this.step(event);
    const { session, membership } = this;
    return { phase: session.phase, session, membership, effects: this.effects.slice(first) };
  }

  /** Moves time on and lets the session look at it. */
  advance(milliseconds: number, unsent = 0): SessionOutcome {
    this.now += milliseconds;
    return this.apply({ type: "tick", unsent });
  }

  /** Everything sent so far. */
  sent(): ServerFrame[] {
    return sentFrames(this.effects);
  }

  private receive(decoded: DecodeResult, counted = false): void {
    const request =
      decoded.frame !== undefined && isRequest(decoded.frame)
        ? stepRequest(this.membership, decoded.frame, this.rules)
        : undefined;
    this.step({ type: "frame", decoded, request, counted });
  }

  private step(event: ConnectionEvent): void {
    const { session, effects } = stepConnection(this.session, event, this.now, this.rules);
    this.session = session;
    if (session.phase === "closed") this.membership = LEFT;
    for (const effect of effects) {
      if (effect.type === "pass") {
        if (event.type === "frame" && event.request !== undefined)
          this.carryOut(event.request as RequestStep);
        continue;
      }
      if (effect.type === "open") {
        this.carryOut(stepMembership(this.membership, effect.opened, this.rules));
        continue;
      }
      this.effects.push(effect);
      if (effect.type === "hold" && event.type === "frame") this.held.push(event.decoded);
      if (effect.type !== "release") continue;
      for (const decoded of this.held.splice(0)) this.receive(decoded);
    }
  }

  private carryOut({ membership, effects }: MembershipStep): void {
    this.membership = membership;
    for (const effect of effects) {
      if (effect.type === "answered" || effect.type === "caught_up" || effect.type === "end") {
        this.step(effect);
        continue;
      }
      if (effect.type === "hold") this.heldRequests.push(effect.frame);
      if (effect.type === "release") this.step({ type: "released" });
      this.effects.push(effect);
      if (effect.type !== "release") continue;
      for (const held of this.heldRequests.splice(0)) this.receive({ frame: held }, true);
    }
  }
}

/** What comes of one event for a connection in the state `session` at `now`. */
export function stepOnce(
  session: ConnectionSession,
  event: ConnectionEvent | MembershipEvent,
  now = START_MS,
  rules = RULES,
): SessionOutcome {
  const run = new SessionRun(session, rules);
  run.now = now;
  return run.apply(event);
}
