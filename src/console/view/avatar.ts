import { element } from "./element.ts";

const TONES = 6;

/** A round mark with the user's first letter, in a colour that is always the same for the same name. */
export function avatar(user: string): HTMLElement {
  return element(
    "span",
    { class: `avatar tone-${toneOf(user)}`, "aria-hidden": "true" },
    (user[0] ?? "?").toUpperCase(),
  );
}

function toneOf(user: string): number {
  let hash = 0;
  for (let index = 0; index < user.length; index++) hash = (hash * 31 + user.charCodeAt(index)) >>> 0;
  return hash % TONES;
}
