import { describe, expect, test } from "bun:test";
import { Admission, type AdmissionLimits, type Entry } from "../../src/core/admission.ts";

const LIMITS: AdmissionLimits = { connections: 1_000, connectionsPerAddress: 3, handshakesPerMinute: 60 };
const MINUTE = 60_000;

function from(address: string, fields: Partial<Entry> = {}): Entry {
  return { address, loopback: false, anonymous: false, ...fields };
}

describe("W5 connections", () => {
  test("W5 an address may have so many at a time, and one that leaves makes room", () => {
    const admission = new Admission(LIMITS);
    for (let i = 0; i < 3; i++) expect(admission.enter(from("a"), 0)).toEqual({ admitted: true });
    expect(admission.enter(from("a"), 0)).toEqual({
      admitted: false,
      code: "too_many_handshakes",
      retryAfter: 5_000,
    });
    expect(admission.enter(from("b"), 0).admitted).toBe(true);
    admission.leave(from("a"));
    expect(admission.enter(from("a"), 0).admitted).toBe(true);
  });

  test("W5 all together may be so many, loopback included", () => {
    const admission = new Admission({ ...LIMITS, connections: 2 });
    const local = from("127.0.0.1", { loopback: true });
    admission.enter(local, 0);
    admission.enter(local, 0);
    expect(admission.enter(local, 0)).toEqual({ admitted: false, code: "unavailable", retryAfter: 5_000 });
    expect(admission.open).toBe(2);
    admission.leave(local);
    expect(admission.enter(local, 0).admitted).toBe(true);
  });

  test("W5 what was refused is not counted", () => {
    const admission = new Admission({ ...LIMITS, connectionsPerAddress: 1 });
    admission.enter(from("a"), 0);
    for (let i = 0; i < 10; i++) admission.enter(from("a"), 0);
    expect(admission.open).toBe(1);
    admission.leave(from("a"));
    expect(admission.open).toBe(0);
  });
});

describe("W5 handshakes", () => {
  const OPEN = { ...LIMITS, connectionsPerAddress: 0 };

  test("W5 a minute's worth may come at once, the next waits for its share, and then passes", () => {
    const admission = new Admission(OPEN);
    for (let i = 0; i < 60; i++) expect(admission.enter(from("a"), 0).admitted).toBe(true);
    expect(admission.enter(from("a"), 0)).toEqual({
      admitted: false,
      code: "too_many_handshakes",
      retryAfter: 1_000,
    });
    expect(admission.enter(from("a"), 999)).toMatchObject({ retryAfter: 1 });
    expect(admission.enter(from("a"), 1_000).admitted).toBe(true);
    expect(admission.enter(from("a"), 1_000).admitted).toBe(false);
    expect(admission.enter(from("b"), 1_000).admitted).toBe(true);
  });

  test("W5 asking while refused does not make the wait longer", () => {
    const admission = new Admission(OPEN);
    for (let i = 0; i < 200; i++) admission.enter(from("a"), 0);
    expect(admission.enter(from("a"), 1_000).admitted).toBe(true);
  });

  test("W5 loopback addresses are free of both limits", () => {
    const admission = new Admission(LIMITS);
    for (let i = 0; i < 500; i++)
      expect(admission.enter(from("127.0.0.1", { loopback: true }), 0).admitted).toBe(true);
  });

  test("W5 0 switches a limit off", () => {
    const admission = new Admission({ connections: 0, connectionsPerAddress: 0, handshakesPerMinute: 0 });
    for (let i = 0; i < 500; i++)
      expect(admission.enter(from("a", { anonymous: true }), 0).admitted).toBe(true);
  });

  test("B1 addresses are forgotten once they owe nothing, and not before", () => {
    const admission = new Admission(OPEN);
    for (let i = 0; i < 60; i++) admission.enter(from("a"), 0);
    admission.sweep(MINUTE - 1);
    for (let i = 0; i < 59; i++) expect(admission.enter(from("a"), MINUTE - 1).admitted).toBe(true);
    expect(admission.enter(from("a"), MINUTE - 1).admitted).toBe(false);
  });
});

describe("W4 sockets without a credential", () => {
  test("W4 they may be one in a hundred", () => {
    const admission = new Admission({ ...LIMITS, connections: 200 });
    const stranger = from("127.0.0.1", { loopback: true, anonymous: true });
    const known = { ...stranger, anonymous: false };
    admission.enter(stranger, 0);
    admission.enter(stranger, 0);
    expect(admission.enter(stranger, 0)).toEqual({ admitted: false, code: "unavailable", retryAfter: 5_000 });
    expect(admission.enter(known, 0).admitted).toBe(true);
    admission.identified();
    expect(admission.enter(stranger, 0).admitted).toBe(true);
    admission.leave(stranger);
    expect(admission.enter(stranger, 0).admitted).toBe(true);
  });

  test("W4 a small server still has room for one", () => {
    const admission = new Admission({ ...LIMITS, connections: 10 });
    const stranger = from("127.0.0.1", { loopback: true, anonymous: true });
    expect(admission.enter(stranger, 0).admitted).toBe(true);
    expect(admission.enter(stranger, 0).admitted).toBe(false);
  });
});
