import { element } from "./element.ts";

const TONES = 6;

/** A round mark with the user's first letter (and last digit), in a colour that is always the same for the same name. */
export function avatar(user: string): HTMLElement {
  // `user1` and `user2` differ in their last sign only.
  const number = /\d$/.exec(user)?.[0] ?? "";
  const sign = `${(user[0] ?? "?").toUpperCase()}${user.length > 1 ? number : ""}`;
  return element("span", { class: `avatar tone-${toneOf(user)}`, "aria-hidden": "true" }, sign);
}

function toneOf(user: string): number {
  let hash = 0;
  for (let index = 0; index < user.length; index++) hash = (hash * 31 + user.charCodeAt(index)) >>> 0;
  return hash % TONES;
}
