/** Formats a number for a narrow column: `37`, `9999`, `12.3k`, `4.5M`. */
export function formatCount(value: number): string {
  if (value >= 999_950) return `${(value / 1e6).toFixed(value < 99.95e6 ? 1 : 0)}M`;
  if (value >= 9_999.5) return `${(value / 1e3).toFixed(value < 99_950 ? 1 : 0)}k`;
  return `${Math.round(value)}`;
}

/** The same of a rate, of which small ones count, too: `0`, `0.4`, `37`. */
export function formatRate(value: number): string {
  return value > 0 && value < 9.95 ? value.toFixed(1) : formatCount(value);
}

/** Formats how long something lasts: `4 s`, `12 min`, `3 h`, `5 d`. */
export function formatAge(seconds: number): string {
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** The time of day of a moment, in milliseconds since 1970: `14:05:09`, where this machine is. */
export function formatClock(moment: number): string {
  const date = new Date(moment);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}
