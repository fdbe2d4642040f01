import { describe, expect, test } from "bun:test";
import {
  DEMO_PASSWORD,
  type DemoSettings,
  demoReachOf,
  seedDemoAccounts,
} from "../../../src/server/authentication/demo-accounts.ts";
import { createPasswords } from "../../../src/server/authentication/passwords.ts";
import { RecordedLog } from "../../support/server/recorded-log.ts";
import { storedAccounts } from "../../support/server/stored-accounts.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

const passwords = createPasswords({ cost: 4, queue: 10 });

async function start(settings: DemoSettings, accounts = storedAccounts()) {
  const log = new RecordedLog();
  const seeded = await seedDemoAccounts(settings, {
    accounts,
    passwords,
    clock: new ManualClock(),
    emit: log.emit,
  });
  return { seeded, accounts, users: (await accounts.list()).map(({ user }) => user), events: log.events() };
}

describe("demo accounts", () => {
  test("are created in a new store on a loopback address, with their plans and the published password", async () => {
    const { seeded, accounts, users, events } = await start({ host: "127.0.0.1" });
    expect(seeded).toBe(true);
    expect(users).toEqual(["user1", "user2", "user3"]);
    expect((await accounts.list()).map(({ plan, demo }) => [plan, demo])).toEqual([
      ["free", true],
      ["basic", true],
      ["premium", true],
    ]);
    for (const { passwordHash } of await accounts.list())
      expect((await passwords.verify(DEMO_PASSWORD, passwordHash)).outcome).toBe("right");
    expect(events).toEqual(["demo_accounts.created"]);
  });

  test("are never created silently on a public address", async () => {
    expect(await start({ host: "0.0.0.0" })).toMatchObject({ seeded: false, users: [] });
    const asked = await start({ host: "0.0.0.0", demoAccounts: true });
    expect(asked.seeded).toBe(true);
    expect(asked.events).toEqual(["demo_accounts.public", "demo_accounts.created"]);
    const again = await start({ host: "0.0.0.0", demoAccounts: true }, asked.accounts);
    expect(again).toMatchObject({ seeded: false, events: ["demo_accounts.public"] });
  });

  test("are not created if DEMO_ACCOUNTS is false, nor a second time after they were removed", async () => {
    expect(await start({ host: "127.0.0.1", demoAccounts: false })).toMatchObject({
      seeded: false,
      users: [],
    });
    const { accounts, users } = await start({ host: "localhost" });
    for (const user of users) await accounts.remove(user);
    expect(await start({ host: "localhost" }, accounts)).toMatchObject({ seeded: false, users: [] });
  });

  test("are usable where they would be created", () => {
    expect(demoReachOf({ host: "::1" })).toBe("this_machine");
    expect(demoReachOf({ host: "::1", demoAccounts: false })).toBe("nowhere");
    expect(demoReachOf({ host: "192.0.2.1" })).toBe("nowhere");
    expect(demoReachOf({ host: "192.0.2.1", demoAccounts: true })).toBe("anywhere");
  });
});
