// The port for refresh tokens. The rules are in core/access/refresh-rotation.ts; `test/contracts/refresh.ts` is the contract.
import type { RefreshFamily } from "../access/refresh-rotation.ts";

export interface RefreshTokenStore {
  /** Adds a family. MUST keep no more than the newest MAX_FAMILIES_PER_USER of a user. */
  add(family: RefreshFamily): Promise<void>;
  find(id: string): Promise<RefreshFamily | undefined>;
  /**
   * Puts `after` in the place of `before`, or nothing where it is undefined. MUST change nothing and return false when
   * the family is not as in `before` any more: of two that use a token at once, one decides on what the other left.
   */
  replace(before: RefreshFamily, after: RefreshFamily | undefined): Promise<boolean>;
  /** Removes the family, if it is `user`'s. */
  remove(id: string, user: string): Promise<void>;
}
