import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const STORES_FILE = join(import.meta.dir, "stores.json");

/** A store that a server of an earlier version has written (make.ts), and what is in it beside the messages. */
export interface OldStore {
  /** The version of the tables. */
  readonly version: number;
  readonly commit: string;
  /** user1 has read up to message 2. */
  readonly marked: boolean;
  /** Message 1 was edited, 2 erased, 3 has a reaction. */
  readonly edited: boolean;
  readonly erased: boolean;
  readonly reacted: boolean;
  /** All tokens of user3 are revoked. */
  readonly revoked: boolean;
  /** user2 owns the conversation `team`. */
  readonly member: boolean;
  /** There is an API key `crm`. */
  readonly apiKey: boolean;
  readonly webhook: boolean;
}

/** What user1 said in `lobby`, with ids `m1`, `m2`, … */
export const MESSAGES: readonly { readonly text: string; readonly data?: object }[] = [
  { text: "hello" },
  { text: 'quote " backslash \\ tab \t grüß 🙂' },
  { text: "waves", data: { kind: "wave", list: [1, null, { deep: "ü" }] } },
  { text: "good bye" },
];

export function readStores(): OldStore[] {
  return existsSync(STORES_FILE) ? (JSON.parse(readFileSync(STORES_FILE, "utf8")) as OldStore[]) : [];
}

/** The compressed store file of a version. */
export function storeFile(version: number): string {
  return join(import.meta.dir, "stores", `parley-${String(version).padStart(2, "0")}.db.gz`);
}
