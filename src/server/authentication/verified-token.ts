import type { Grants } from "../../core/access/grants.ts";

/** The content of a verified token. Times are in milliseconds since 1970. */
export interface VerifiedToken {
  readonly subject: string;
  /** Its `jti`, by which it can be revoked. */
  readonly id: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** The `plan` claim; counts only for a subject without an account. */
  readonly plan?: string;
  /** The `account` claim: when the account that the token was made for was created. An application's tokens have none. */
  readonly account?: number;
  /** The claims `conversations` and `rights`. */
  readonly grants: Grants;
}
