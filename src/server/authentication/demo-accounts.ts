import { type DemoReach, demoReach } from "../../core/access/demo-accounts.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Account, AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { isLoopback } from "../client-address.ts";
import type { Passwords } from "./passwords.ts";

export interface DemoSettings {
  readonly host: string;
  /** DEMO_ACCOUNTS; where it is undefined, `host` decides. */
  readonly demoAccounts?: boolean | undefined;
}

/** The accounts for trying Parley, with the plan of each. */
export const DEMO_ACCOUNTS = [
  { user: "user1", plan: "free" },
  { user: "user2", plan: "basic" },
  { user: "user3", plan: "premium" },
] as const;

/** Published in the README. */
export const DEMO_PASSWORD = "password";

/** Returns which clients may use the demo accounts of a server with these settings. */
export function demoReachOf({ demoAccounts, host }: DemoSettings): DemoReach {
  return demoReach(demoAccounts, isLoopback(host));
}

/**
 * Adds the demo accounts to a store that has never held an account, if clients may use them. Returns whether it did. Logs a
 * warning at each start where clients of other machines can use them.
 */
export async function seedDemoAccounts(
  settings: DemoSettings,
  parts: { accounts: AccountStore; passwords: Passwords; clock: Clock; emit: Emit },
): Promise<boolean> {
  const { accounts, passwords, clock, emit } = parts;
  if (demoReachOf(settings) === "nowhere") return false;
  if (!isLoopback(settings.host)) {
    emit("demo_accounts.public", {
      host: settings.host,
      advice:
        "Every client that reaches this address can sign in with the published password. Set DEMO_ACCOUNTS=false.",
    });
  }
  // A hash takes a fifth of a second, which a start with existing accounts should not cost.
  if ((await accounts.list()).length > 0) return false;
  // One hash for all three accounts: the password is published, so different salts would protect nothing.
  const hashing = await passwords.hash(DEMO_PASSWORD);
  if (hashing.outcome === "busy") return false;
  const rows = DEMO_ACCOUNTS.map(
    ({ user, plan }): Account => ({
      user,
      plan,
      disabled: false,
      passwordHash: hashing.hash,
      demo: true,
      createdAt: clock.wall(),
    }),
  );
  const seeded = await accounts.seed(rows);
  if (seeded) emit("demo_accounts.created", { users: rows.map(({ user }) => user) });
  return seeded;
}
