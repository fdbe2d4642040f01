import { describe, expect, test } from "bun:test";
import {
  type Bcrypt,
  bcryptCost,
  checkNewPassword,
  createPasswords,
} from "../../../src/server/authentication/passwords.ts";

/** The runtime's bcrypt, with a count of the verifications at each cost. */
class CountedBcrypt implements Bcrypt {
  readonly verified = new Map<number, number>();
  atOnce = 0;
  mostAtOnce = 0;

  async hash(password: string, cost: number): Promise<string> {
    return this.during(Bun.password.hash(password, { algorithm: "bcrypt", cost }));
  }

  async verify(password: string, hash: string): Promise<boolean> {
    const cost = bcryptCost(hash)!;
    this.verified.set(cost, (this.verified.get(cost) ?? 0) + 1);
    return this.during(Bun.password.verify(password, hash, "bcrypt"));
  }

  /** Rounds of bcrypt since the last call. */
  work(): number {
    let rounds = 0;
    for (const [cost, times] of this.verified) rounds += times * 2 ** cost;
    this.verified.clear();
    return rounds;
  }

  private async during<T>(work: Promise<T>): Promise<T> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    try {
      return await work;
    } finally {
      this.atOnce--;
    }
  }
}

const hashAt = (cost: number) => Bun.password.hash("correct horse", { algorithm: "bcrypt", cost });

describe("SEC-S1 hashing", () => {
  test("SEC-S1 makes bcrypt of the cost set, which fits the password and no other", async () => {
    const passwords = createPasswords({ cost: 5, queue: 10 });
    const hashing = await passwords.hash("correct horse");
    if (hashing.outcome === "busy") throw new Error("nothing else is being hashed");
    expect(bcryptCost(hashing.hash)).toBe(5);
    expect(await passwords.verify("correct horse", hashing.hash)).toEqual({
      outcome: "right",
      outdated: false,
    });
    expect(await passwords.verify("correct horsf", hashing.hash)).toEqual({ outcome: "wrong" });
    expect(await passwords.verify("", hashing.hash)).toEqual({ outcome: "wrong" });
  });

  test("SEC-S1 hashes at most `concurrency` at a time; requests beyond the queue are `busy`, and not begun", async () => {
    const bcrypt = new CountedBcrypt();
    const passwords = createPasswords({ cost: 4, queue: 5, concurrency: 2 }, bcrypt);
    const hash = await hashAt(4);
    const results = await Promise.all(
      Array.from({ length: 10 }, () => passwords.verify("correct horse", hash)),
    );
    const outcomes = results.map(({ outcome }) => outcome);
    expect(outcomes).toEqual([...Array(7).fill("right"), ...Array(3).fill("busy")]);
    expect(bcrypt.mostAtOnce).toBe(2);
    expect(bcrypt.verified.get(4)).toBe(7);
    expect((await passwords.verify("correct horse", hash)).outcome).toBe("right");
  });

  test("SEC-S1 a failed hash releases its permit", async () => {
    const broken: Bcrypt = { hash: () => Promise.reject(new Error("no memory")), verify: async () => true };
    const passwords = createPasswords({ cost: 4, queue: 0, concurrency: 1 }, broken);
    for (let i = 0; i < 3; i++) await expect(passwords.hash("correct horse")).rejects.toThrow("no memory");
    expect((await passwords.verify("correct horse", await hashAt(4))).outcome).toBe("right");
  });

  test("SEC-S1 a lower cost is outdated, the present and a higher one are not", async () => {
    const passwords = createPasswords({ cost: 5, queue: 1 });
    for (const [cost, outdated] of [
      [4, true],
      [5, false],
      [6, false],
    ] as const)
      expect(await passwords.verify("correct horse", await hashAt(cost))).toEqual({
        outcome: "right",
        outdated,
      });
  });
});

describe("SEC-S1 new passwords", () => {
  test("SEC-S1 8 characters to 72 bytes; longer ones are refused, never cut", () => {
    for (const good of ["12345678", "pässwörd", "x".repeat(72), "😀".repeat(18)])
      expect(checkNewPassword(good)).toEqual({ ok: true });
    for (const [bad, why] of [
      ["", "0 characters"],
      ["1234567", "7 characters"],
      ["😀".repeat(7), "7 characters"],
      ["x".repeat(73), "73 bytes"],
      ["ä".repeat(37), "74 bytes"],
      ["good\0password", "control character"],
      ["good\tpassword", "control character"],
      ["good\u0085password", "control character"],
      ["good\ud800password", "half of a character"],
      // Composed, it has seven.
      ["e\u0301".repeat(7), "7 characters"],
    ]) {
      const check = checkNewPassword(bad!);
      expect(check.ok ? "" : check.reason).toContain(why!);
    }
  });

  // bcrypt's key is the password, a NUL, and both again up to 72 bytes: another password opened the account.
  test.each([
    [
      "password",
      ["password\0password", "password\0", "\0password", "password\0x", "password\0password\0password"],
    ],
    ["password\ufffd", ["password\ud800", "password\udfff"]],
  ])("SEC-S1 %j is opened by nothing that bcrypt takes for it", async (password, others) => {
    const passwords = createPasswords({ cost: 4, queue: 1 });
    const hash = await Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
    for (const other of others) expect((await passwords.verify(other, hash)).outcome).toBe("wrong");
    expect((await passwords.verify(password, hash)).outcome).toBe("right");
  });

  // RFC 8265 §4.2: one keyboard writes é as one character, another as two.
  test("SEC-S1 a password is the same in composed and decomposed form, and with any kind of spaces", async () => {
    const passwords = createPasswords({ cost: 4, queue: 1 });
    const forms = ["caf\u00e9 au lait", "cafe\u0301 au lait", "caf\u00e9\u00a0au\u3000lait"];
    for (const set of forms) {
      const hashing = await passwords.hash(set);
      if (hashing.outcome === "busy") throw new Error("nothing else is being hashed");
      for (const typed of forms)
        expect(await passwords.verify(typed, hashing.hash)).toEqual({ outcome: "right", outdated: false });
      for (const other of ["cafe au lait", "caf\u00e9au lait", "CAF\u00c9 AU LAIT", "\uff43af\u00e9 au lait"])
        expect((await passwords.verify(other, hashing.hash)).outcome).toBe("wrong");
    }
  });

  test("SEC-S1 a hash from before passwords were normalized matches the text typed then, and is renewed", async () => {
    const passwords = createPasswords({ cost: 4, queue: 1 });
    const hash = await Bun.password.hash("cafe\u0301 au lait", { algorithm: "bcrypt", cost: 4 });
    expect(await passwords.verify("cafe\u0301 au lait", hash)).toEqual({ outcome: "right", outdated: true });
  });

  test("SEC-S1 the runtime's own treatment of long passwords matches nothing", async () => {
    // Bun hashes what is over 72 bytes with SHA-512 first, so a hash of such a password can exist; we never made it.
    const long = "x".repeat(100);
    const hash = await Bun.password.hash(long, { algorithm: "bcrypt", cost: 4 });
    const passwords = createPasswords({ cost: 4, queue: 1 });
    expect((await passwords.verify(long, hash)).outcome).toBe("wrong");
    const first72 = await Bun.password.hash("x".repeat(72), { algorithm: "bcrypt", cost: 4 });
    expect((await passwords.verify("x".repeat(73), first72)).outcome).toBe("wrong");
    expect((await passwords.verify("x".repeat(72), first72)).outcome).toBe("right");
  });
});

describe("SEC-S2 equal work", () => {
  test("SEC-S2 a wrong attempt costs the same rounds of bcrypt, for any user and any text", async () => {
    const bcrypt = new CountedBcrypt();
    const passwords = createPasswords({ cost: 6, queue: 1 }, bcrypt);
    const cases: [password: string, hash: string | undefined][] = [
      ["wrong horse", await hashAt(6)],
      ["wrong horse", undefined],
      ["wrong horse", await hashAt(4)],
      ["wrong horse", await hashAt(5)],
      ["wrong horse", "not a hash"],
      ["x".repeat(73), await hashAt(6)],
      ["x".repeat(73), undefined],
      ["wrong\0horse", await hashAt(6)],
      ["wrong\0horse", undefined],
    ];
    for (const [password, hash] of cases) {
      expect((await passwords.verify(password, hash)).outcome).toBe("wrong");
      expect(bcrypt.work()).toBe(2 ** 6);
    }
  });

  test("SEC-S2 a text in another form is tried unchanged, too, also for an account that does not exist", async () => {
    const bcrypt = new CountedBcrypt();
    const passwords = createPasswords({ cost: 6, queue: 1 }, bcrypt);
    for (const hash of [await hashAt(6), await hashAt(4), undefined]) {
      expect((await passwords.verify("wrong cafe\u0301", hash)).outcome).toBe("wrong");
      expect(bcrypt.work()).toBe(2 * 2 ** 6);
    }
  });

  test("SEC-S2 no password matches an account that does not exist", async () => {
    const passwords = createPasswords({ cost: 4, queue: 1 });
    for (const password of ["password", "", "NobodyHasThisPassword", "u"])
      expect((await passwords.verify(password, undefined)).outcome).toBe("wrong");
  });
});
