/** From when until when a certificate is valid, in milliseconds since 1970. */
export interface CertificateTimes {
  readonly from: number;
  readonly until: number;
}

/** How a certificate stands; `ending` calls for a warning, `ending_soon` and `expired` are problems. */
export type CertificateState = "valid" | "not_yet" | "ending" | "ending_soon" | "expired";

const DAY_MS = 86_400_000;

/** Remaining time that is a warning: automatic renewal has failed for days by then. Less for short-lived certificates. */
const ENDING = { days: 21, part: 1 / 3 };

/** Remaining time that is a problem. */
const ENDING_SOON = { days: 5, part: 1 / 10 };

/** Returns the state of a certificate at `now`. deploy/prometheus/alerts.yaml has the same bounds. */
export function certificateState({ from, until }: CertificateTimes, now: number): CertificateState {
  const left = until - now;
  if (left <= 0) return "expired";
  if (now < from) return "not_yet";
  const within = ({ days, part }: typeof ENDING) => left < Math.min(days * DAY_MS, (until - from) * part);
  if (within(ENDING_SOON)) return "ending_soon";
  return within(ENDING) ? "ending" : "valid";
}
