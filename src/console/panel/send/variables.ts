/** The values of the variables. */
export interface Scope {
  /** A new id at each call. */
  uuid(): string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The number of the frame, from 1. */
  readonly n: number;
}

/** The variables: a short and a longer description. */
export const VARIABLES = {
  uuid: ["a new name", "another one each time it stands there"],
  now: ["the time", "in milliseconds since 1970"],
  n: ["a number", "1, 2, 3 … with each that is sent"],
} as const;

/** Replaces `{{uuid}}`, `{{now}}` and `{{n}}` by their values. Any other text stays the same. */
export function fillIn(text: string, { uuid, now, n }: Scope): string {
  return text.replace(/\{\{(uuid|now|n)\}\}/g, (_, name: keyof typeof VARIABLES) => {
    return name === "uuid" ? uuid() : String(name === "now" ? now : n);
  });
}
