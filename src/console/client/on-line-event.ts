import type { Status } from "../../client/index.ts";
import type { QuotaNotice } from "../../client/parley.ts";
import { describeClose } from "../../protocol/close-codes.ts";
import { type ErrorEntry, errorEntry } from "../../protocol/errors.ts";
import type { ServerFrameOf } from "../../protocol/server-frames.ts";
import { explainError, withoutBackticks } from "../format.ts";
import type {
  CloseInfo,
  Effect,
  LineEvent,
  LineStatus,
  Notice,
  OpenSession,
  State,
  Step,
  UserFacingError,
} from "./state.ts";

/** How long a connection must be lost before a banner is shown, in milliseconds. */
const OUTAGE_BANNER_AFTER_MS = 1000;

/** Returns the state of a client after an event of its line. */
export function onLineEvent(state: State, event: LineEvent): Step {
  const { session } = state;
  if (session.state !== "open") return unchanged(event.type === "quota" ? onQuota(state, event) : state);
  switch (event.type) {
    case "status":
      return event.status.state === "closed"
        ? onClosed(state, session, event.status)
        : onStatus(state, session, event.status, event);
    case "quota":
      return unchanged(onQuota(state, event));
    case "warning":
      return unchanged(onWarning(state, session, event.warning, event.at));
    case "complaint": {
      const withError = { ...state, session: { ...session, connectionError: event.refusal } };
      // Before `welcome`, an error is the reason for the close that follows; keep its text.
      return unchanged(
        session.connection.state === "connecting" ? withError : notifyError(withError, event.refusal),
      );
    }
    case "measured": {
      const { roundTrip } = event;
      const measured = { ...session, measuring: false, ...(roundTrip !== undefined && { roundTrip }) };
      return unchanged({ ...state, session: measured });
    }
    default:
      event satisfies never;
      return unchanged(state);
  }
}

function unchanged(state: State): Step {
  return { state, effects: [] };
}

function onStatus(
  state: State,
  { outage, ...session }: OpenSession,
  connection: LineStatus,
  { welcome, at }: LineEvent & { type: "status" },
): Step {
  if (connection.state === "live" || connection.state === "degraded") {
    const terms = welcome && { plan: welcome.plan, inactivity: welcome.inactivity };
    return unchanged({ ...state, session: { ...session, connection, failures: 0, ...(terms && { terms }) } });
  }
  const { inactiveAt: _gone, connectionError, ...rest } = session;
  const failures = session.failures + (connection.state === "waiting" ? 1 : 0);
  const lasts =
    connection.state === "waiting" && (failures > 1 || connection.until - at > OUTAGE_BANNER_AFTER_MS);
  // An error text of the server for this attempt, such as that of `busy`, is more precise.
  const serverReason =
    connectionError && lasts && closeOf(connectionError) === connection.code
      ? withoutBackticks(connectionError.message).split(/\.(?: |$)/)[0]
      : undefined;
  const reason = lasts ? (serverReason ?? connection.reason) : outage;
  const disconnected = { ...rest, connection, failures, ...(reason !== undefined && { outage: reason }) };
  return unchanged({ ...state, session: disconnected });
}

/** Returns the state of a client after its connection is closed. */
function onClosed(state: State, session: OpenSession, status: Status & { state: "closed" }): Step {
  const closeInfo = closeInfoOf(status, session);
  const effects: Effect[] = closeInfo.remedy === "sign_in" ? [{ type: "forget_login", revoke: false }] : [];
  return {
    state: { ...state, session: { state: "closed", user: session.user, closeInfo }, notices: [] },
    effects,
  };
}

function onQuota(
  { limitedUntil: _past, ...state }: State,
  { quota, at }: { readonly quota: QuotaNotice | null; readonly at: number },
): State {
  if (quota === null) return { ...state, usage: null };
  const { limit, remaining, reset, retry_after } = quota;
  const counted = { ...state, usage: { limit, remaining, fullAt: at + reset * 1000 } };
  if (retry_after === undefined) return counted;
  return {
    ...counted,
    limitedUntil: at + retry_after * 1000,
    // Drop the warning about few remaining requests.
    notices: state.notices.filter((notice) => notice.code !== "quota_low"),
  };
}

function onWarning(
  state: State,
  session: OpenSession,
  { code, message, seconds }: Omit<ServerFrameOf<"warning">, "type">,
  at: number,
): State {
  switch (code) {
    case "inactivity": {
      const inactiveAt = at + (seconds ?? session.terms?.inactivity.warning ?? 0) * 1000;
      return { ...state, session: { ...session, inactiveAt } };
    }
    // The library renews the token; if that fails, the close is shown.
    case "token_expiring":
      return state;
    default:
      return notify(state, { code, severity: "warning", text: withoutBackticks(message) });
  }
}

function notifyError(state: State, refusal: UserFacingError): State {
  return notify(state, { code: refusal.code, severity: "error", text: explainError(refusal) });
}

function notify(state: State, notice: Notice): State {
  return { ...state, notices: [...state.notices.filter((other) => other.code !== notice.code), notice] };
}

function closeInfoOf(
  { code, reason, advice }: Status & { state: "closed" },
  { connectionError, terms }: OpenSession,
): CloseInfo {
  const entry = describeClose(code);
  // An unrelated earlier error (an invalid frame an hour ago) must not be shown as the reason.
  const led = connectionError !== undefined && (terms === undefined || closeOf(connectionError) === code);
  return {
    code,
    reason: reason || entry.reason,
    advice: withoutBackticks(entry.advice),
    ...(led && { detail: withoutBackticks(connectionError.message) }),
    remedy: advice === "sign_in" ? "sign_in" : "reconnect",
  };
}

function closeOf({ code }: UserFacingError): number | undefined {
  return (errorEntry(code as never) as ErrorEntry | undefined)?.close;
}
