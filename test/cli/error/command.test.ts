import { describe, expect, test } from "bun:test";
import { closestCode, ERROR_CODES, findCode, KNOWN_CLOSE_CODES } from "../../../src/cli/error/lookup.ts";
import { describeClose } from "../../../src/protocol/close-codes.ts";
import { errorEntry } from "../../../src/protocol/errors.ts";
import { ParleyFolder } from "../parley-folder.ts";

describe("`parley error`", () => {
  test("explains a code and gives advice, for every sort of code", async () => {
    await using folder = new ParleyFolder();
    const words = ["rate_limited", "4408", "1006", "1013", "429", "Too Many Requests"];
    const [limited, inactive, lost, slow, status, named] = await Promise.all(
      words.map((word) => folder.run(["error", word])),
    );
    for (const ended of [limited, inactive, lost, slow, status, named])
      expect(ended).toMatchObject({ code: 0, stderr: "" });
    const { what, advice } = errorEntry("rate_limited");
    expect(limited!.stdout).toBe(
      `rate_limited: an error (rate limit); HTTP 429; it does not close the socket\n  ${what}\n  ${advice}\n`,
    );
    expect(inactive!.stdout).toContain("4408 inactive: a close code\n");
    expect(inactive!.stdout).toContain("Clients do not reconnect automatically.");
    expect(lost!.stdout).toContain("Clients reconnect automatically");
    expect(slow!.stdout).toContain("Sent just before it, as an error: busy, unavailable.");
    expect(status!.stdout).toStartWith("HTTP 429 Too Many Requests\n\n");
    expect(status!.stdout).toContain("rate_limited: ");
    expect(named!.stdout).toBe(status!.stdout);
  });

  test("without a code it lists the whole catalogue, as text and as JSON", async () => {
    await using folder = new ParleyFolder();
    const [words, json] = await Promise.all([folder.run(["error"]), folder.run(["error", "--json"])]);
    for (const code of [...ERROR_CODES, ...KNOWN_CLOSE_CODES])
      expect(words.stdout).toMatch(new RegExp(`^  ${code} `, "m"));
    const { errors, closes } = JSON.parse(json.stdout) as Record<string, { code: unknown }[]>;
    expect(errors!.map(({ code }) => code)).toEqual(ERROR_CODES);
    expect(closes!.map(({ code }) => code)).toEqual([...KNOWN_CLOSE_CODES]);
  });

  test("for an unknown code it suggests the nearest, with exit code 2 and nothing on standard output", async () => {
    await using folder = new ParleyFolder();
    const [near, far, extra] = await Promise.all([
      folder.run(["error", "rate-limted", "--json"]),
      folder.run(["error", "xyz"]),
      folder.run(["error", "1006", "1013"]),
    ]);
    expect(near).toEqual({
      code: 2,
      stdout: "",
      stderr:
        'error: "rate-limted" is not a code of Parley. Did you mean rate_limited? `parley error` lists all.\n',
    });
    expect(far).toMatchObject({ code: 2, stdout: "" });
    expect(far.stderr).not.toContain("Did you mean");
    expect(extra).toMatchObject({ code: 2, stdout: "" });
  });
});

describe("the catalogue by code", () => {
  test("has every error under its name, its status, and its close code", () => {
    for (const code of ERROR_CODES) {
      const { http, close, what } = errorEntry(code);
      expect(findCode(code)).toMatchObject({ kind: "error", code, what });
      expect(findCode(` ${code.toUpperCase().replaceAll("_", "-")} `)).toMatchObject({ code });
      expect(JSON.stringify(findCode(`${http}`))).toContain(`"${code}"`);
      if (close !== undefined) expect(findCode(`${close}`)).toMatchObject({ kind: "close", sent: true });
    }
  });

  test("has close codes by their reason, unless an error has that name", () => {
    expect(findCode("replaced")).toMatchObject({ kind: "close", code: 4410, reconnect: false });
    expect(findCode("Going away")).toMatchObject({ kind: "close", code: 1001, reconnect: true });
    expect(findCode("4409")).toMatchObject({ kind: "close", reconnect: false, passes: true });
    expect(findCode("forbidden")).toMatchObject({ kind: "error", code: "forbidden" });
  });

  test("explains an unknown close code by its range", () => {
    for (const code of [1005, 3000, 4000, 4499, 4999])
      expect(findCode(`${code}`)).toMatchObject({ sent: false, advice: describeClose(code).advice });
    expect(findCode("4499")).toMatchObject({ reconnect: false });
    expect(findCode("4500")).toMatchObject({ reconnect: true });
  });

  test.each([
    ["inactivity", "inactive"],
    ["limit", "rate_limited"],
    ["tokn_expired", "token_expired"],
    ["440", "4400"],
    ["", undefined],
    ["xyz", undefined],
    ["99999", undefined],
  ])("takes %p for %p", (text, near) => {
    expect(findCode(text)).toBeUndefined();
    expect(closestCode(text)).toBe(near);
  });
});
