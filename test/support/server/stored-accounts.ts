import type { Account } from "../../../src/core/ports/accounts.ts";
import { SqliteAccounts } from "../../../src/engine/sqlite/accounts/accounts.ts";
import { SqliteRefreshFamilies } from "../../../src/engine/sqlite/accounts/refresh-families.ts";
import { SqliteRevocations } from "../../../src/engine/sqlite/accounts/revocations.ts";
import { openStore } from "../../../src/engine/sqlite/schema.ts";
import { ManualClock } from "../time/manual-clock.ts";
import { RecordedLog } from "./recorded-log.ts";

/** The real account store in a database of its own that ends with the test, holding `accounts`. */
export function storedAccounts(...accounts: readonly Account[]): SqliteAccounts {
  const store = new SqliteAccounts(
    openStore(":memory:", "normal", 0),
    new ManualClock(),
    new RecordedLog().emit,
  );
  // The store answers with a promise, as every store must, but has written by the time it does.
  for (const account of accounts) void store.add(account);
  return store;
}

/** The real store of revocations in a database of its own that ends with the test. */
export function storedRevocations(): SqliteRevocations {
  return new SqliteRevocations(openStore(":memory:", "normal", 0), new ManualClock(), new RecordedLog().emit);
}

/** The real store of refresh tokens in a database of its own that ends with the test. */
export function storedRefreshTokens(): SqliteRefreshFamilies {
  return new SqliteRefreshFamilies(openStore(":memory:", "normal", 0), new ManualClock());
}
