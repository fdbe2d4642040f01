/** What variables stand for. */
export interface Scope {
  /** A new name each time it is asked for. */
  uuid(): string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How many were sent before, and one. */
  readonly n: number;
}

/** The variables: in a few words, and in more. */
export const VARIABLES = {
  uuid: ["a new name", "another one each time it stands there"],
  now: ["the time", "in milliseconds since 1970"],
  n: ["a number", "1, 2, 3 … with each that is sent"],
} as const;

/** Puts values in place of `{{uuid}}`, `{{now}}` and `{{n}}`. What is no variable stays as it is. */
export function fillIn(text: string, { uuid, now, n }: Scope): string {
  return text.replace(/\{\{(uuid|now|n)\}\}/g, (_, name: keyof typeof VARIABLES) => {
    return name === "uuid" ? uuid() : String(name === "now" ? now : n);
  });
}
