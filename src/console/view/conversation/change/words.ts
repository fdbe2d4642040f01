import type { Changing, Entry } from "../../../../client/index.ts";
import { clockTime, explainError } from "../../../format.ts";

const NOT_DONE: Readonly<Record<Changing["type"], string>> = {
  edit: "Not edited",
  erase: "Not erased",
  react: "Reaction not stored",
};

/** Whether an edit was refused since others edited the message first. */
export function isStaleEdit({ type, state, error }: Changing): boolean {
  return type === "edit" && state === "failed" && error?.code === "conflict";
}

/** Says why a change failed. */
export function failureOf({ type, error }: Changing): string {
  return error === undefined ? `${NOT_DONE[type]}.` : `${NOT_DONE[type]}: ${explainError(error)}`;
}

/** Says who erased a message, and why. */
export function erasureOf({ from, erased }: Pick<Entry, "from" | "erased">): string {
  const { by = from, reason } = erased ?? {};
  return `Message erased${by === from ? "" : ` by ${by}`}${reason === undefined ? "" : `: ${reason}`}`;
}

/** Says when a message was edited last. */
export function editionOf({ edited }: Pick<Entry, "edited">): string | undefined {
  return edited && `Edited at ${clockTime(edited.at)}`;
}
