// Saved messages. They and the setting of single keys are all that this page stores in the browser; a token is never stored (A4, SEC-P1).
import type { LocalStore } from "../../local-storage.ts";
import { maskTokens } from "../../wire/frame.ts";

export interface SavedMessage {
  readonly name: string;
  readonly text: string;
}

/** The storage key. */
export const SAVED_KEY = "parley.messages";

/** Most saved messages. */
export const MAX_SAVED = 100;

/** Longest saved text: the longest frame. */
const MAX_SAVED_TEXT_LENGTH = 64 * 1024;

/** Returns the saved messages; none if the stored value is invalid. */
export function readSaved(store: LocalStore): readonly SavedMessage[] {
  try {
    const value: unknown = JSON.parse(store.getItem(SAVED_KEY) ?? "[]");
    return Array.isArray(value) ? value.filter(isSaved).slice(0, MAX_SAVED) : [];
  } catch {
    return [];
  }
}

/** Saves a message, replacing one with the same name. Returns the list, or why it was not saved. */
export function saveMessage(
  store: LocalStore,
  { name, text }: SavedMessage,
): { readonly saved: readonly SavedMessage[] } | { readonly problem: string } {
  if (name === "") return { problem: "Give it a name." };
  if (holdsToken(text)) return { problem: "The text contains a token, which is not saved." };
  if (text.length > MAX_SAVED_TEXT_LENGTH) return { problem: "It is longer than 64 KiB." };
  const others = readSaved(store).filter((one) => one.name !== name);
  if (others.length >= MAX_SAVED) return { problem: `There are ${MAX_SAVED} already. Remove one first.` };
  const saved = [...others, { name, text }].sort((a, b) => a.name.localeCompare(b.name));
  return write(store, saved) ? { saved } : { problem: "The browser did not save it." };
}

/** Removes a saved message. */
export function removeSaved(store: LocalStore, name: string): readonly SavedMessage[] {
  const saved = readSaved(store).filter((one) => one.name !== name);
  write(store, saved);
  return saved;
}

/** Whether a text is a `token` frame, or contains a token. */
function holdsToken(text: string): boolean {
  return maskTokens(text) !== text || /"type"\s*:\s*"token"|(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]+/.test(text);
}

function write(store: LocalStore, saved: readonly SavedMessage[]): boolean {
  try {
    if (saved.length === 0) store.removeItem(SAVED_KEY);
    else store.setItem(SAVED_KEY, JSON.stringify(saved));
    return true;
  } catch {
    return false;
  }
}

function isSaved(value: unknown): value is SavedMessage {
  const one = value as Partial<SavedMessage> | null;
  return typeof one?.name === "string" && typeof one.text === "string";
}
