import { type DemoReach, demoReach } from "../../core/access/demo-accounts.ts";
import type { Emit } from "../../core/events/events.ts";
import type { Account, AccountStore } from "../../core/ports/accounts.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { isLoopback } from "../client-address.ts";
import type { Passwords } from "./passwords.ts";

export interface DemoSettings {
  readonly host: string;
  /** DEMO_ACCOUNTS; undefined leaves it to `host`. */
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

/** From where the demo accounts of a server with these settings may be used. */
export function demoReachOf({ demoAccounts, host }: DemoSettings): DemoReach {
  return demoReach(demoAccounts, isLoopback(host));
}

/**
 * Puts the demo accounts into a store that has never held an account, where they may be used; returns whether it did.
 * Warns at each start on an address that others can reach.
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
  // Hashing takes a fifth of a second; not at each start for a store that has accounts.
  if ((await accounts.list()).length > 0) return false;
  // One hash for all three: its salt hides nothing about a published password.
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
