import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../../src/cli/cli-error.ts";
import { type Context, contextsPath, writeContexts } from "../../../src/cli/context/contexts.ts";
import { loadTarget, type TargetFlags } from "../../../src/cli/server/target.ts";

/** The target that the command line finds with these contexts, of which the first is selected. */
function found(
  { flags = {}, env = {} }: { flags?: TargetFlags; env?: Record<string, string> },
  contexts: Record<string, Context> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "parley-target-"));
  try {
    const all = new Map(Object.entries(contexts));
    const home = { XDG_CONFIG_HOME: folder };
    writeContexts(contextsPath(home), { selected: Object.keys(contexts)[0], all });
    return loadTarget(flags, { ...home, ...env });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A token that names `user`; its signature is not checked here. */
const tokenOf = (user: string) => `e30.${Buffer.from(JSON.stringify({ sub: user })).toString("base64url")}.s`;

const PROD = { url: "https://chat.example.com", user: "ann", conversation: "team", token: tokenOf("ann") };

describe("flag over environment over context over default", () => {
  test("the default is a server on this machine, without a user", () => {
    expect(found({})).toEqual({
      http: "http://127.0.0.1:8000",
      ws: "ws://127.0.0.1:8000",
      url: { value: "http://127.0.0.1:8000", from: "default" },
      user: undefined,
      conversation: undefined,
      secret: undefined,
    });
  });

  test("the selected context wins over the default", () => {
    expect(found({}, { prod: PROD })).toMatchObject({
      ws: "wss://chat.example.com",
      user: { value: "ann", from: "context prod" },
      conversation: { value: "team", from: "context prod" },
      secret: { token: PROD.token, from: "context prod" },
    });
  });

  test("the environment wins over the selected context, value by value", () => {
    const env = { PARLEY_CONVERSATION: "lobby", PARLEY_USER: "" };
    expect(found({ env }, { prod: PROD })).toMatchObject({
      url: { value: "https://chat.example.com" },
      user: { value: "ann" },
      conversation: { value: "lobby", from: "PARLEY_CONVERSATION" },
    });
  });

  test("a flag wins over the environment", () => {
    const env = { PARLEY_CONVERSATION: "lobby", PARLEY_URL: "http://a", PARLEY_USER: "ben" };
    const flags = { conversation: "room", url: "http://b", user: "cid" };
    expect(found({ flags, env }, { prod: PROD })).toMatchObject({
      http: "http://b",
      user: { value: "cid", from: "--user" },
      conversation: { value: "room", from: "--conversation" },
      secret: undefined,
    });
  });

  test("a context named by a flag wins over the environment, one named by the environment does not", () => {
    const contexts = { prod: PROD, local: { url: "http://c" } };
    const env = { PARLEY_URL: "http://a", PARLEY_CONTEXT: "prod" };
    expect(found({ flags: { context: "local" }, env }, contexts).url).toEqual({
      value: "http://c",
      from: "context local",
    });
    expect(found({ env }, contexts)).toMatchObject({ http: "http://a", user: { from: "context prod" } });
  });

  test("an unknown context is reported with the list of contexts", () => {
    expect(() => found({ flags: { context: "prd" } }, { prod: PROD })).toThrow(
      'There is no context "prd": the contexts are prod',
    );
  });
});

describe("the user", () => {
  test("A4 a context's token is sent to the context's server only", () => {
    const { secret, user } = found({ flags: { url: "https://evil.example.com" } }, { prod: PROD });
    expect(secret).toBeUndefined();
    expect(user?.value).toBe("ann");
    expect(found({ flags: { url: "wss://chat.example.com/" } }, { prod: PROD }).secret).toMatchObject({
      token: PROD.token,
    });
  });

  test("a user other than the token's does not use the token", () => {
    expect(found({ flags: { user: "ben" } }, { prod: PROD }).secret).toBeUndefined();
    expect(found({ flags: { user: "ben" }, env: { PARLEY_TOKEN: tokenOf("ann") } }).secret).toBeUndefined();
    expect(found({ flags: { user: "ann" }, env: { PARLEY_TOKEN: tokenOf("ann") } }).secret).toBeDefined();
  });

  test("an explicit token of another user is sent unchanged: a test wants the refusal", () => {
    const flags = { user: "ben", token: tokenOf("ann") };
    expect(found({ flags })).toMatchObject({ user: { value: "ben" }, secret: { token: flags.token } });
  });

  test("the user is taken from the token before a user of lower precedence", () => {
    const { user, secret } = found({ flags: { token: tokenOf("cid") }, env: { PARLEY_USER: "ben" } });
    expect(user).toBeUndefined();
    expect(secret).toMatchObject({ from: "--token" });
  });

  test("a password of the environment belongs to the environment's user, or to any user if it names none", () => {
    const env = { PARLEY_PASSWORD: "secret", PARLEY_USER: "ben" };
    expect(found({ env }, { prod: PROD })).toMatchObject({
      user: { value: "ben" },
      secret: { password: "secret", from: "PARLEY_PASSWORD" },
    });
    expect(found({ flags: { user: "cid" }, env }).secret).toBeUndefined();
    expect(found({ flags: { user: "cid" }, env: { PARLEY_PASSWORD: "secret" } }).secret).toBeDefined();
    expect(found({ env: { PARLEY_PASSWORD: "secret" } }, { prod: PROD }).user?.value).toBe("ann");
  });
});

test("an unusable value is reported with its source", () => {
  expect(() => found({ env: { PARLEY_URL: "chat.example.com" } })).toThrow(UsageError);
  expect(() => found({ env: { PARLEY_URL: "chat.example.com" } })).toThrow('"chat.example.com" (PARLEY_URL)');
  expect(() => found({ flags: { user: "a b" } })).toThrow('"a b" (--user) is not a valid user name');
  expect(() => found({ flags: { conversation: "" } })).toThrow(
    '"" (--conversation) is not a valid conversation name',
  );
});
