// Messages that were saved by hand. Beside whether single keys work, the one thing this page leaves in the browser; a token is never among them (A4, SEC-P1).
import type { LocalStore } from "../../local-storage.ts";
import { maskTokens } from "../../wire/frame.ts";

export interface SavedMessage {
  readonly name: string;
  readonly text: string;
}

/** Where they lie. */
export const SAVED_KEY = "parley.messages";

/** Most that are kept. */
export const MAX_SAVED = 100;

/** Longest text that is kept: the longest frame. */
const MAX_SAVED_TEXT_LENGTH = 64 * 1024;

/** What lies there; nothing when it cannot be read, or somebody else wrote it. */
export function readSaved(store: LocalStore): readonly SavedMessage[] {
  try {
    const value: unknown = JSON.parse(store.getItem(SAVED_KEY) ?? "[]");
    return Array.isArray(value) ? value.filter(isSaved).slice(0, MAX_SAVED) : [];
  } catch {
    return [];
  }
}

/** Adds one, in the place of another of that name. Answers the list, or why it was not kept. */
export function saveMessage(
  store: LocalStore,
  { name, text }: SavedMessage,
): { readonly saved: readonly SavedMessage[] } | { readonly problem: string } {
  if (name === "") return { problem: "Give it a name." };
  if (holdsToken(text)) return { problem: "There is a token in it, and tokens are not saved." };
  if (text.length > MAX_SAVED_TEXT_LENGTH) return { problem: "It is longer than 64 KiB." };
  const others = readSaved(store).filter((one) => one.name !== name);
  if (others.length >= MAX_SAVED) return { problem: `There are ${MAX_SAVED} already. Remove one first.` };
  const saved = [...others, { name, text }].sort((a, b) => a.name.localeCompare(b.name));
  return write(store, saved) ? { saved } : { problem: "The browser did not keep it." };
}

/** Takes one away. */
export function removeSaved(store: LocalStore, name: string): readonly SavedMessage[] {
  const saved = readSaved(store).filter((one) => one.name !== name);
  write(store, saved);
  return saved;
}

/** A `token` frame, or something that looks like a token anywhere in it. */
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
