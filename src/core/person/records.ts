// What a store has about one person, as an export shows it. Times are in milliseconds since 1970.

/** One line of an export. */
export type PersonRecord =
  | {
      readonly type: "account";
      readonly plan: string;
      readonly disabled: boolean;
      readonly demo: boolean;
      readonly created_at: number;
    }
  /** A sign-in that still has a refresh token. */
  | { readonly type: "sign_in"; readonly signed_in_at: number; readonly expires_at: number }
  /** Tokens that were issued earlier are refused. */
  | { readonly type: "revocation"; readonly before: number }
  /** Requests of the last hour. */
  | { readonly type: "requests"; readonly count: number }
  | MembershipRecord
  | { readonly type: "read_mark"; readonly conversation: string; readonly seq: number; readonly at?: number }
  | MessageRecord
  | {
      readonly type: "reaction";
      readonly conversation: string;
      readonly seq: number;
      readonly reaction: string;
    }
  /** A message of somebody else that the person erased. */
  | ErasureRecord
  /** A mute or ban that the person gave to somebody else. */
  | {
      readonly type: "sanction_given";
      readonly conversation: string;
      readonly kind: "mute" | "ban";
      readonly at: number;
    }
  /** A message that is being written. */
  | {
      readonly type: "stream";
      readonly conversation: string;
      readonly stream: string;
      readonly id: string;
      readonly at: number;
      readonly text: string;
      readonly data?: unknown;
    };

/** The standing of the person in a conversation, with mutes and bans. */
export interface MembershipRecord {
  readonly type: "membership";
  readonly conversation: string;
  readonly role?: string;
  readonly since?: number;
  readonly left?: true;
  readonly muted?: object;
  readonly banned?: object;
}

/** A message of the person, as it is now. */
export interface MessageRecord {
  readonly type: "message";
  readonly conversation: string;
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly text: string;
}

export interface ErasureRecord {
  readonly type: "erasure";
  readonly conversation: string;
  readonly seq: number;
  readonly at: number;
  readonly reason?: string;
}
