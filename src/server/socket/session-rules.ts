import type { Plan } from "../../core/access/plans.ts";
import type { SessionRules } from "../../core/session/connection-state.ts";
import { MAX_FRAME_BYTES, MAX_OPEN_STREAMS } from "../../protocol/limits.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import type { Settings } from "../settings/settings.ts";

/** The warning comes this long before the inactivity time-out, in seconds … */
const MAX_INACTIVITY_WARNING_S = 30;
/** … or, where the time-out is short, this share of it. */
const INACTIVITY_WARNING_SHARE = 0.1;

/** The settings as the rules of core/session/connection-session.ts, in milliseconds. */
export function sessionRules(settings: Settings): SessionRules {
  const timeout = settings.inactivityTimeout;
  return {
    inactivity: timeout * 1000,
    inactivityWarning: Math.round(
      Math.min(MAX_INACTIVITY_WARNING_S, timeout * INACTIVITY_WARNING_SHARE) * 1000,
    ),
    credentialTimeout: settings.credentialTimeout * 1000,
    pingInterval: settings.pingInterval * 1000,
    pongTimeout: settings.pongTimeout * 1000,
    burst: { rate: settings.burstRate, size: settings.burstSize },
    maxWaiting: settings.maxWaitingFrames,
    maxUnsent: settings.maxUnsentBytes,
  };
}

/** The limits that are settings of the server. */
export type LimitSettings = Pick<Settings, "maxOpenConversations" | "maxStreamBytes" | "editSeconds">;

/** The limits in `welcome` for a user of `plan`. */
export function limitsOf(
  { maxOpenConversations, maxStreamBytes, editSeconds }: LimitSettings,
  { connections }: Plan,
): ServerFrameOf<"welcome">["limits"] {
  return {
    ...{ conversations: maxOpenConversations, connections },
    ...{ frame_bytes: MAX_FRAME_BYTES, stream_bytes: maxStreamBytes, streams: MAX_OPEN_STREAMS },
    edit_seconds: editSeconds,
  };
}
