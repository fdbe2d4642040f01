// The port for all that a store has about one person: to export it, and to erase it. `test/contracts/person/person.ts` is the contract.
import type { Erasure } from "../../person/erasure.ts";
import type { PersonRecord } from "../../person/records.ts";

/** A part of what the store has about a person. */
export interface PersonPage {
  readonly records: readonly PersonRecord[];
  /** Where the next part begins; undefined: that was all. */
  readonly next: string | undefined;
}

/** What a step of an erasure has removed, by the kind of data, and where the next step begins; undefined: all is removed. */
export interface ForgottenPart {
  readonly counts: Readonly<Record<string, number>>;
  readonly next: string | undefined;
  /** Messages of the person that came late. The caller MUST have them forgotten before it does the next part. */
  readonly found?: readonly PlaceOfMessage[];
}

export interface PlaceOfMessage {
  readonly conversation: string;
  readonly seq: number;
}

/** Reads what the store has about a person. */
export interface PersonReader {
  /**
   * Reads the part that begins at `after`; undefined: the first one. MUST NOT delay other requests: a part takes a few milliseconds
   * of the store, and may hold no record. MUST end also while the person writes without pause. All records together MUST be what the inventory (docs/PERSONAL-DATA.md) names as exported.
   */
  read(user: string, after?: string): Promise<PersonPage>;
}

/** Erases what no change of a message erases. The plan is in core/person/erasure.ts. */
export interface PersonStore extends PersonReader {
  /**
   * Removes the name from all that is no message: standings, marks, requests, sessions … One bounded part, as `read`. A membership that
   * an API key makes meanwhile MUST be ended by `endMembership`, or stay whole.
   */
  forget(user: string, after?: string): Promise<ForgottenPart>;
  /**
   * Removes the name and what was erased from where no request finds it: copies in files, logs that are written in blocks. One
   * bounded part. MUST come last, when the user can store nothing any more. It ends memberships as `forget` does. A message of the
   * person that is not forgotten MUST keep the name and the text, or be `found`: by the name the next erasure finds it. MUST end also
   * while an API key writes in the name without pause.
   */
  purge(user: string, after?: string): Promise<ForgottenPart>;
  /** Adds an erasure, unless one of this user is under way; returns the one that is. MUST be one at a time for a user. */
  begin(erasure: Erasure): Promise<Erasure>;
  /**
   * Records how far an erasure has come. When it has ended (no `user`), MUST leave no trace of the name, and the feed gets the event
   * `user.erased` with the id of the erasure, at least once.
   */
  save(erasure: Erasure): Promise<void>;
  find(id: string): Promise<Erasure | undefined>;
  /** The erasures that are under way, the oldest first. */
  pending(): Promise<readonly Erasure[]>;
}
