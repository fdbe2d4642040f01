import { describe, expect, test } from "bun:test";
import type { Account } from "../../../src/core/ports/accounts.ts";
import { LocalThrottle } from "../../../src/engine/local/throttle.ts";
import type { SqliteAccounts } from "../../../src/engine/sqlite/accounts/accounts.ts";
import { bcryptCost, createPasswords } from "../../../src/server/authentication/passwords.ts";
import { type SignInDeps, signIn } from "../../../src/server/authentication/sign-in.ts";
import { verifyToken } from "../../../src/server/authentication/tokens.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { storedAccounts } from "../../support/server/stored-accounts.ts";
import { testKeys } from "../../support/server/tokens.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const free = { name: "free", requestsPerHour: 100, connections: 5 };
const basic = { name: "basic", requestsPerHour: 1000, connections: 20 };
const RIGHT = "correct horse";
const KEYS = await testKeys();

async function account(change: Partial<Account> = {}, cost = 4): Promise<Account> {
  const passwordHash = await Bun.password.hash(RIGHT, { algorithm: "bcrypt", cost });
  return { user: "ann", plan: "basic", disabled: false, passwordHash, demo: false, createdAt: 0, ...change };
}

function parts(accounts: SqliteAccounts, change: Partial<SignInDeps> = {}) {
  const clock = new ManualClock();
  return {
    accounts,
    passwords: createPasswords({ cost: 4, queue: 50 }),
    throttle: new LocalThrottle({ failures: 5, window: 300_000, attemptsPerMinute: 30 }, clock),
    keys: KEYS,
    plans: { plans: new Map([free, basic].map((plan) => [plan.name, plan])), fallback: free },
    clock,
    emit: new RecordedLog().emit,
    ...change,
  };
}

const from = (address: string, password = RIGHT, username = "ann") => ({ username, password, address });

describe("sign-in", () => {
  test("SEC-S4 the right password gets a token of the user, without a plan (SEC-T6)", async () => {
    const all = parts(storedAccounts(await account()));
    const result = await signIn(all, from("192.0.2.1"));
    expect(result).toMatchObject({ outcome: "signed_in", user: "ann", plan: basic, expiresIn: 1800 });
    if (result.outcome !== "signed_in") return;
    const verdict = await verifyToken(all.keys, result.token, all.clock.now());
    expect(verdict).toMatchObject({ ok: true, token: { subject: "ann" } });
    expect(verdict.ok && verdict.token.plan).toBeUndefined();
  });

  test("SEC-S2 an unknown user and a wrong password get the same reply", async () => {
    const all = parts(storedAccounts(await account()));
    const wrong = await signIn(all, from("192.0.2.1", "wrong horse"));
    expect(wrong).toEqual({ outcome: "wrong" });
    for (const name of ["unknown", "", "not a name", "__proto__", "x".repeat(1000)])
      expect(await signIn(all, from("192.0.2.1", RIGHT, name))).toEqual(wrong);
  });

  test("SEC-S3 throttles before hashing, and unknown users like known ones", async () => {
    for (const username of ["ann", "unknown"]) {
      let hashed = 0;
      const bcrypt = {
        hash: async () => "",
        verify: (password: string, hash: string) => {
          hashed++;
          return Bun.password.verify(password, hash, "bcrypt");
        },
      };
      const passwords = createPasswords({ cost: 4, queue: 50 }, bcrypt);
      const all = parts(storedAccounts(await account()), { passwords });
      for (let i = 0; i < 5; i++) await signIn(all, from("192.0.2.1", "wrong horse", username));
      const refusal = await signIn(all, from("192.0.2.1", RIGHT, username));
      expect(refusal).toEqual({ outcome: "throttled", retryAfter: 60_000 });
      expect(hashed).toBe(5);
    }
  });

  test("SEC-S3 after the wait, the right password signs in and clears the failures", async () => {
    const all = parts(storedAccounts(await account()));
    const clock = all.clock as ManualClock;
    for (let i = 0; i < 5; i++) await signIn(all, from("192.0.2.1", "wrong horse"));
    clock.advance(60_000);
    expect((await signIn(all, from("192.0.2.1"))).outcome).toBe("signed_in");
    for (let i = 0; i < 4; i++) await signIn(all, from("192.0.2.1", "wrong horse"));
    expect((await signIn(all, from("192.0.2.1"))).outcome).toBe("signed_in");
  });

  test("SEC-S3 changing between the addresses of one IPv6 network does not help", async () => {
    const all = parts(storedAccounts(await account()));
    for (let i = 0; i < 5; i++) await signIn(all, from(`2001:db8::${i}`, "wrong horse"));
    expect((await signIn(all, from("2001:db8::ffff"))).outcome).toBe("throttled");
    expect((await signIn(all, from("2001:db8:0:1::1"))).outcome).toBe("signed_in");
  });

  test("SEC-S1 a full queue causes `busy`, and does not count as an attempt", async () => {
    const passwords = createPasswords({ cost: 4, queue: 0, concurrency: 1 });
    const all = parts(storedAccounts(await account()), { passwords });
    const burst = await Promise.all([1, 2, 3].map(() => signIn(all, from("192.0.2.1", "wrong horse"))));
    expect(burst.map(({ outcome }) => outcome).sort()).toEqual(["busy", "busy", "wrong"]);
    for (let i = 0; i < 4; i++)
      expect((await signIn(all, from("192.0.2.1", "wrong horse"))).outcome).toBe("wrong");
    expect((await signIn(all, from("192.0.2.1"))).outcome).toBe("throttled");
  });

  test("SEC-S1 a hash of a lower cost is renewed, and the password still matches", async () => {
    const accounts = storedAccounts(await account({}, 4));
    const all = parts(accounts, { passwords: createPasswords({ cost: 5, queue: 50 }) });
    await signIn(all, from("192.0.2.1", "wrong horse"));
    expect(bcryptCost((await accounts.find("ann"))!.passwordHash)).toBe(4);
    expect((await signIn(all, from("192.0.2.1"))).outcome).toBe("signed_in");
    expect(bcryptCost((await accounts.find("ann"))!.passwordHash)).toBe(5);
    expect((await signIn(all, from("192.0.2.1"))).outcome).toBe("signed_in");
  });

  test("SEC-S1 renewal does not undo a password that was changed meanwhile", async () => {
    const accounts = storedAccounts(await account({}, 4));
    const changed = await Bun.password.hash("another horse", { algorithm: "bcrypt", cost: 4 });
    const bcrypt = {
      verify: (password: string, hash: string) => Bun.password.verify(password, hash, "bcrypt"),
      hash: async (password: string, cost: number) => {
        await accounts.update("ann", { passwordHash: changed });
        return Bun.password.hash(password, { algorithm: "bcrypt", cost });
      },
    };
    const all = parts(accounts, { passwords: createPasswords({ cost: 5, queue: 50 }, bcrypt) });
    await signIn(all, from("192.0.2.1"));
    expect((await accounts.find("ann"))!.passwordHash).toBe(changed);
  });

  test("SEC-T6 a disabled or unusable account is reported only to a user with the right password", async () => {
    for (const change of [{ disabled: true }, { demo: true }]) {
      const all = parts(storedAccounts(await account(change)));
      expect((await signIn(all, from("192.0.2.1"))).outcome).toBe("forbidden");
      expect((await signIn(all, from("192.0.2.1", "wrong horse"))).outcome).toBe("wrong");
    }
    const demo = parts(storedAccounts(await account({ demo: true })));
    expect((await signIn(demo, { ...from("192.0.2.1"), demoUse: "usable" })).outcome).toBe("signed_in");
  });

  test("SEC-S3 an attempt that failed in the store does not count", async () => {
    const accounts = storedAccounts(await account());
    const away = { find: () => Promise.reject(new Error("away")), update: accounts.update.bind(accounts) };
    const all = parts(accounts);
    for (let i = 0; i < 10; i++)
      await expect(signIn({ ...all, accounts: away }, from("192.0.2.1"))).rejects.toThrow("away");
    expect((await signIn(all, from("192.0.2.1"))).outcome).toBe("signed_in");
  });

  test("SEC-T7 SEC-P2 each outcome is logged with user and address, and without password and token", async () => {
    const log = new RecordedLog();
    const all = parts(storedAccounts(await account()), { emit: log.emit });
    const success = await signIn(all, from("192.0.2.1"));
    for (let i = 0; i < 6; i++) await signIn(all, from("192.0.2.1", "s3cret guess"));
    await signIn(all, from("192.0.2.1", RIGHT, "my p@ssword, typed above"));
    await signIn(all, from("192.0.2.1", RIGHT, "p@ssword1"));
    await signIn(all, from("192.0.2.1", RIGHT, "Passphrase-1"));
    expect(log.events()).toEqual([
      "signin.succeeded",
      ...Array(5).fill("signin.failed"),
      "signin.throttled",
      ...Array(3).fill("signin.failed"),
    ]);
    expect(log.entries[1]!.fields).toEqual({ user: "ann", address: "192.0.2.1", known: true });
    // A password that was typed as the name.
    expect(log.entries.at(-1)!.fields).toEqual({ address: "192.0.2.1", known: false });
    expect(log.entries[0]!.fields).toMatchObject({ user: "ann", address: "192.0.2.1", plan: "basic" });
    const written = JSON.stringify(log.entries);
    for (const secret of [
      RIGHT,
      "s3cret",
      "p@ssword",
      "Passphrase",
      success.outcome === "signed_in" ? success.token : "?",
    ])
      expect(written).not.toContain(secret);
  });
});
