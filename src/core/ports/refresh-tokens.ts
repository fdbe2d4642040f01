// The port for refresh tokens. The rules are in core/access/refresh-rotation.ts; `test/contracts/refresh.ts` is the contract.
import type { RefreshFamily } from "../access/refresh-rotation.ts";

export interface RefreshTokenStore {
  /** Adds a family. MUST keep no more than the newest MAX_FAMILIES_PER_USER of a user. */
  add(family: RefreshFamily): Promise<void>;
  find(id: string): Promise<RefreshFamily | undefined>;
  /**
   * Replaces the family `before` by `after`, or removes it where `after` is undefined. MUST change nothing and return false
   * when the stored family differs from `before`: of two simultaneous uses of a token, one must decide after the other.
   */
  replace(before: RefreshFamily, after: RefreshFamily | undefined): Promise<boolean>;
  /** Removes the family, if it is `user`'s. */
  remove(id: string, user: string): Promise<void>;
}
