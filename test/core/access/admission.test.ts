import { describe, expect, test } from "bun:test";
import { backoff } from "../../../src/client/line/backoff.ts";
import {
  Admission,
  type AdmissionLimits,
  connectionsWithin,
  type SocketEntry,
} from "../../../src/core/access/admission.ts";
import { readSettings } from "../../../src/server/settings/read.ts";
import { Random, seeds } from "../../support/random.ts";

const LIMITS: AdmissionLimits = { connections: 1_000, connectionsPerAddress: 3, handshakesPerMinute: 60 };
const MINUTE = 60_000;

function from(address: string, fields: Partial<SocketEntry> = {}): SocketEntry {
  return { address, loopback: false, anonymous: false, ...fields };
}

describe("W5 connections", () => {
  test("W5 an address has a limit of simultaneous connections, and a closed one makes room", () => {
    const admission = new Admission(LIMITS);
    for (let i = 0; i < 3; i++) expect(admission.tryAdmit(from("a"), 0)).toEqual({ admitted: true });
    expect(admission.tryAdmit(from("a"), 0)).toEqual({
      admitted: false,
      code: "too_many_handshakes",
      retryAfter: 5_000,
    });
    expect(admission.tryAdmit(from("b"), 0).admitted).toBe(true);
    admission.release(from("a"));
    expect(admission.tryAdmit(from("a"), 0).admitted).toBe(true);
  });

  test("W5 the total limit leaves some of the system's open files for the server itself", () => {
    expect(connectionsWithin(1_048_576, 15_000)).toBe(15_000);
    expect(connectionsWithin(4096, 15_000)).toBe(3896);
    expect(connectionsWithin(256, 15_000)).toBe(192);
    expect(connectionsWithin(256, 100)).toBe(100);
    expect(connectionsWithin(4096, 0)).toBe(3896);
  });

  test("B1 the handshakes of a limited number of addresses are remembered, the latest ones", () => {
    const admission = new Admission({ connections: 0, connectionsPerAddress: 0, handshakesPerMinute: 1 });
    const admit = (address: string) => admission.tryAdmit(from(address), 0).admitted;
    expect([admit("a"), admit("a"), admit("b"), admit("b")]).toEqual([true, false, true, false]);
    for (let i = 0; i < 49_999; i++) admit(`2001:db8:${i}::/64`);
    expect([admit("b"), admit("a")]).toEqual([false, true]);
  });

  test("W5 all addresses together have a limit, loopback included", () => {
    const admission = new Admission({ ...LIMITS, connections: 2 });
    const local = from("127.0.0.1", { loopback: true });
    admission.tryAdmit(local, 0);
    admission.tryAdmit(local, 0);
    expect(admission.tryAdmit(local, 0)).toEqual({ admitted: false, code: "unavailable", retryAfter: 5_000 });
    expect(admission.openConnections).toBe(2);
    admission.release(local);
    expect(admission.tryAdmit(local, 0).admitted).toBe(true);
  });

  test("W5 what was refused is not counted", () => {
    const admission = new Admission({ ...LIMITS, connectionsPerAddress: 1 });
    admission.tryAdmit(from("a"), 0);
    for (let i = 0; i < 10; i++) admission.tryAdmit(from("a"), 0);
    expect(admission.openConnections).toBe(1);
    admission.release(from("a"));
    expect(admission.openConnections).toBe(0);
  });
});

describe("W5 handshakes", () => {
  const OPEN = { ...LIMITS, connectionsPerAddress: 0 };

  test("W5 a minute's worth of handshakes passes at once, the next one waits for its share", () => {
    const admission = new Admission(OPEN);
    for (let i = 0; i < 60; i++) expect(admission.tryAdmit(from("a"), 0).admitted).toBe(true);
    expect(admission.tryAdmit(from("a"), 0)).toEqual({
      admitted: false,
      code: "too_many_handshakes",
      retryAfter: 1_000,
    });
    expect(admission.tryAdmit(from("a"), 999)).toMatchObject({ retryAfter: 1 });
    expect(admission.tryAdmit(from("a"), 1_000).admitted).toBe(true);
    expect(admission.tryAdmit(from("a"), 1_000).admitted).toBe(false);
    expect(admission.tryAdmit(from("b"), 1_000).admitted).toBe(true);
  });

  test("W5 attempts while refused do not lengthen the wait", () => {
    const admission = new Admission(OPEN);
    for (let i = 0; i < 200; i++) admission.tryAdmit(from("a"), 0);
    expect(admission.tryAdmit(from("a"), 1_000).admitted).toBe(true);
  });

  test("W5 loopback addresses are exempt from both limits", () => {
    const admission = new Admission(LIMITS);
    for (let i = 0; i < 500; i++)
      expect(admission.tryAdmit(from("127.0.0.1", { loopback: true }), 0).admitted).toBe(true);
  });

  test("W5 0 turns a limit off", () => {
    const admission = new Admission({ connections: 0, connectionsPerAddress: 0, handshakesPerMinute: 0 });
    for (let i = 0; i < 500; i++)
      expect(admission.tryAdmit(from("a", { anonymous: true }), 0).admitted).toBe(true);
  });

  test("B1 addresses are forgotten once they have no debt, and not before", () => {
    const admission = new Admission(OPEN);
    for (let i = 0; i < 60; i++) admission.tryAdmit(from("a"), 0);
    admission.sweep(MINUTE - 1);
    for (let i = 0; i < 59; i++) expect(admission.tryAdmit(from("a"), MINUTE - 1).admitted).toBe(true);
    expect(admission.tryAdmit(from("a"), MINUTE - 1).admitted).toBe(false);
  });
});

describe("W4 sockets without a credential", () => {
  test("W4 they may be one in a hundred connections", () => {
    const admission = new Admission({ ...LIMITS, connections: 200 });
    const stranger = from("127.0.0.1", { loopback: true, anonymous: true });
    const known = { ...stranger, anonymous: false };
    admission.tryAdmit(stranger, 0);
    admission.tryAdmit(stranger, 0);
    expect(admission.tryAdmit(stranger, 0)).toEqual({
      admitted: false,
      code: "unavailable",
      retryAfter: 5_000,
    });
    expect(admission.tryAdmit(known, 0).admitted).toBe(true);
    admission.authenticated(stranger);
    expect(admission.tryAdmit(stranger, 0).admitted).toBe(true);
    admission.release(stranger);
    expect(admission.tryAdmit(stranger, 0).admitted).toBe(true);
  });

  test("W4 a small server still admits one", () => {
    const admission = new Admission({ ...LIMITS, connections: 10 });
    const stranger = from("127.0.0.1", { loopback: true, anonymous: true });
    expect(admission.tryAdmit(stranger, 0).admitted).toBe(true);
    expect(admission.tryAdmit(stranger, 0).admitted).toBe(false);
  });
});

describe("W4 W5 an address whose handshakes fail", () => {
  const WIDE: AdmissionLimits = { connections: 0, connectionsPerAddress: 1_000, handshakesPerMinute: 1_200 };

  /** A client that connects, presents no valid credential and leaves. */
  function fail(admission: Admission, address: string, now: number): boolean {
    const entry = from(address);
    if (!admission.tryAdmit(entry, now).admitted) return false;
    admission.failed(entry, now);
    admission.release(entry);
    return true;
  }

  test("W5 may fail sixty times a minute, and once a second from then on; other addresses are not affected", () => {
    const admission = new Admission(WIDE);
    const passed = Array.from({ length: 200 }, () => fail(admission, "a", 0)).filter(Boolean);
    expect(passed).toHaveLength(60);
    expect(admission.tryAdmit(from("a"), 0)).toEqual({
      admitted: false,
      code: "too_many_handshakes",
      retryAfter: 1_000,
    });
    expect([fail(admission, "a", 999), fail(admission, "a", 1_000), fail(admission, "a", 1_000)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(admission.tryAdmit(from("b"), 0).admitted).toBe(true);
  });

  test("W5 after that many simultaneous failures no client waits longer than two seconds", () => {
    const admission = new Admission(WIDE);
    const entries = Array.from({ length: 500 }, () => from("a"));
    for (const entry of entries) admission.tryAdmit(entry, 0);
    for (const entry of entries) {
      admission.failed(entry, 0);
      admission.release(entry);
    }
    expect(admission.tryAdmit(from("a"), 0)).toMatchObject({ admitted: false, retryAfter: 2_000 });
    for (let i = 0; i < 300; i++) expect(admission.tryAdmit(from("a"), 2_000).admitted).toBe(true);
  });

  test("W4 may have fifty sockets without a credential; one that presents it, or leaves, makes room", () => {
    const admission = new Admission(WIDE);
    const stranger = from("a", { anonymous: true });
    for (let i = 0; i < 50; i++) expect(admission.tryAdmit(stranger, 0).admitted).toBe(true);
    expect(admission.tryAdmit(stranger, 0)).toEqual({
      admitted: false,
      code: "too_many_handshakes",
      retryAfter: 1_000,
    });
    expect(admission.tryAdmit(from("a"), 0).admitted).toBe(true);
    expect(admission.tryAdmit(from("b", { anonymous: true }), 0).admitted).toBe(true);
    admission.authenticated(stranger);
    expect(admission.tryAdmit(stranger, 0).admitted).toBe(true);
    admission.release(stranger);
    expect(admission.tryAdmit(stranger, 0).admitted).toBe(true);
    expect(admission.tryAdmit(stranger, 0).admitted).toBe(false);
  });

  test("B1 is forgotten once it has no debt", () => {
    const admission = new Admission({ ...WIDE, handshakesPerMinute: 60 });
    for (let i = 0; i < 60; i++) fail(admission, "a", 0);
    admission.sweep(MINUTE - 1);
    for (let i = 0; i < 59; i++) expect(fail(admission, "a", MINUTE - 1)).toBe(true);
    expect(fail(admission, "a", MINUTE - 1)).toBe(false);
  });
});

describe("W5 an office of 200 users with two tabs each reconnects at once, with the defaults", () => {
  const read = readSettings({ env: {} });
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  const { maxConnections, maxConnectionsPerAddress, handshakesPerMinute } = read.settings;
  const DEFAULTS: AdmissionLimits = {
    connections: maxConnections,
    connectionsPerAddress: maxConnectionsPerAddress,
    handshakesPerMinute,
  };
  const TABS = 400;

  /**
   * Milliseconds until the last of them is in. All dial in the same moment, in the fourth try of their library; a
   * credential takes `check` to be shown and looked at. `ghosts`: their old connections are counted still.
   */
  function timeUntilAllAreIn(random: Random, anonymous: boolean, check: number, ghosts: number): number {
    const admission = new Admission(DEFAULTS);
    const entry = from("office", { anonymous });
    for (let i = 0; i < ghosts; i++) admission.tryAdmit(from("office"), -10 * MINUTE);
    const dials = Array.from({ length: TABS }, () => ({ at: 0, attempt: 4 }));
    const checks: number[] = [];
    let last = 0;
    while (dials.length > 0) {
      dials.sort((a, b) => a.at - b.at);
      const { at, attempt } = dials.shift()!;
      if (at > 10 * MINUTE) return at;
      while (checks.length > 0 && checks[0]! <= at) {
        checks.shift();
        if (anonymous) admission.authenticated(entry);
      }
      if (admission.tryAdmit(entry, at).admitted) {
        last = at + check;
        checks.push(last);
      } else dials.push({ at: at + Math.max(1, backoff(attempt, random.next())), attempt: attempt + 1 });
    }
    return last;
  }

  for (const seed of seeds(20_261_129))
    for (const [how, anonymous] of [
      ["in the handshake", false],
      ["in a first frame", true],
    ] as const)
      test(`W5 with the token ${how} all connect within 30 seconds, despite their dead connections (seed ${seed})`, () => {
        const random = new Random(seed);
        for (const ghosts of [0, TABS])
          expect(timeUntilAllAreIn(random, anonymous, 300, ghosts)).toBeLessThan(30_000);
      });
});
