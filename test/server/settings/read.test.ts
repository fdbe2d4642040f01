import { describe, expect, test } from "bun:test";
import { readSettings, type SettingSources } from "../../../src/server/settings/read.ts";
import type { Settings } from "../../../src/server/settings/settings.ts";
import { SETTING_NAMES } from "../../../src/server/settings/table.ts";

const KEY = "q8Zt0v1Xk3Jb7Rr5Wd9Yh2Nf6Ls4Pc0Mg";

function good(sources: SettingSources): Settings {
  const read = readSettings(sources);
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  return read.settings;
}

function problems(sources: SettingSources): readonly string[] {
  const read = readSettings(sources);
  return "problems" in read ? read.problems : [];
}

describe("values", () => {
  test("without any setting every default holds", () => {
    const settings = good({});
    expect(settings).toMatchObject({
      host: "127.0.0.1",
      port: 8000,
      dataDir: "./data",
      secretKey: undefined,
      inactivityTimeout: 300,
      allowedOrigins: [],
      demoAccounts: undefined,
      tokenLifetime: 1800,
      maxUnsentBytes: 1_048_576,
      storeSync: "normal",
    });
    expect([...settings.plans.plans.values()]).toEqual([
      { name: "free", requestsPerHour: 100, connections: 5 },
      { name: "basic", requestsPerHour: 1000, connections: 20 },
      { name: "premium", requestsPerHour: 10_000, connections: 100 },
    ]);
    expect(settings.plans.fallback.name).toBe("free");
  });

  test("the source with the highest precedence wins: flag, environment, .env, default; an empty value is none", () => {
    const envFile = "PORT=1\nHOST=file.example\nDATA_DIR=from-file\nLOG_LEVEL=warn";
    const env = { PORT: "2", HOST: "env.example", DATA_DIR: "  ", LOG_LEVEL: "" };
    expect(good({ flags: { port: "3", host: "" }, env, envFile })).toMatchObject({
      port: 3,
      host: "env.example",
      dataDir: "from-file",
      logLevel: "warn",
    });
  });

  test("the brief's .env is read with its comment, and `$` in a secret is kept", () => {
    const settings = good({
      envFile: `INACTIVITY_TIMEOUT=300  # in seconds\nREDIS_PORT=6379\nSECRET_KEY=$HOME${KEY}`,
    });
    expect(settings).toMatchObject({ inactivityTimeout: 300, redisPort: 6379, secretKey: `$HOME${KEY}` });
  });

  test("lists and words are accepted in the usual spellings", () => {
    const env = {
      ALLOWED_ORIGINS: "https://Chat.example.com:443, http://localhost:3000,null",
      TRUSTED_PROXIES: "10.0.0.0/8, ::1",
      DEMO_ACCOUNTS: "Yes",
      PLANS: "tiny:3:1,open:0:0",
      DEFAULT_PLAN: "tiny",
    };
    const settings = good({ env });
    expect(settings.allowedOrigins).toEqual(["https://chat.example.com", "http://localhost:3000", "null"]);
    expect(settings.trustedProxies).toEqual(["10.0.0.0/8", "::1"]);
    expect(settings.demoAccounts).toBe(true);
    expect(settings.plans.fallback).toEqual({ name: "tiny", requestsPerHour: 3, connections: 1 });
  });
});

describe("problems", () => {
  test("all wrong settings are reported at once, with name, value, source and advice", () => {
    const found = problems({
      flags: { port: "80a" },
      env: { INACTIVITY_TIMEOUT: "5m" },
      envFile: "LOG_LEVEL=loud",
    });
    expect(found).toHaveLength(3);
    expect(found[0]).toBe('PORT="80a" (from --port) must be a whole number from 0 to 65535, without a unit.');
    expect(found[1]).toContain('INACTIVITY_TIMEOUT="5m" (from the environment) must be a number of seconds');
    expect(found[2]).toContain('LOG_LEVEL="loud" (from .env) must be one of debug, info');
  });

  test.each([
    ["PLANS", "free:100", 'has "free:100", which must have three parts'],
    ["PLANS", "free:100:5,free:1:1", "names the plan free twice"],
    ["PLANS", "free:1e3:5", "whole number of requests"],
    ["PLANS", "free:100:-1", "whole number of connections"],
    ["PLANS", ":1:1", "must begin with a name"],
    ["PLANS", "gold:1:1", 'DEFAULT_PLAN="free" must be one of the plans in PLANS: gold.'],
    ["ALLOWED_ORIGINS", "https://a.example/", "without a path"],
    ["ALLOWED_ORIGINS", "*", "must be scheme://host"],
    ["TRUSTED_PROXIES", "10.0.0.0/33", "must be an address or a network"],
    ["HOST", "localhost:8000", "without a scheme or a port"],
    ["TOKEN_KEY_SET", "http://id.example.com/keys", "must be an https URL"],
    ["TLS_CERT", "/nowhere/cert.pem", "the server can read"],
    ["BCRYPT_COST", "16", "from 4 to 15"],
    ["DEMO_ACCOUNTS", "maybe", "must be true or false"],
    ["REDIS_HOST", "redis://localhost", "must be a host name or an address"],
    ["REDIS_URL", "http://:hunter2@redis", "must be redis://"],
    ["REDIS_PREFIX", "a{b}", "must be 1–64 characters"],
    ["ACK_AFTER", "everybody", "must be one of primary, replica"],
    ["API_KEYS", "hunter2", "an entry, number 1, that must begin with a name"],
    ["API_KEYS", "pk_hunter2:x:read", "is a key itself"],
    ["API_KEYS", "bot:hunter2:read", "64 hexadecimal digits"],
    ["API_KEYS", `bot:${"a".repeat(64)}:all`, "must end with its rights"],
    ["API_KEYS", `a:${"a".repeat(64)}:read,b:${"A".repeat(64)}:read`, "the same key twice"],
  ])("%s=%s is refused with its reason", (name, value, reason) => {
    const found = problems({ env: { [name]: value } });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(reason);
    expect(found[0]).not.toContain("hunter2");
  });

  test("TLS_CERT and TLS_KEY are set together or not at all", () => {
    expect(problems({ env: { TLS_KEY: import.meta.path } })).toEqual([
      "TLS_KEY needs TLS_CERT too: set both to serve https, or neither.",
    ]);
    expect(problems({ env: { TLS_KEY: import.meta.path, TLS_CERT: import.meta.path } })).toEqual([]);
  });

  test("REDIS_HOST and REDIS_URL are not set together", () => {
    expect(problems({ env: { REDIS_HOST: "redis", REDIS_URL: "redis://:hunter2@redis" } })).toEqual([
      "REDIS_HOST and REDIS_URL are both set, and may mean two servers: remove one of them.",
    ]);
    expect(problems({ env: { REDIS_HOST: "redis" } })).toEqual([]);
  });

  test("a long or hostile value is shown clipped and quoted, on one line", () => {
    const [line = ""] = problems({ env: { PORT: `\u001b[2J\n${"x".repeat(5000)}` } });
    expect(line.length).toBeLessThan(300);
    expect(line).not.toContain("\n");
    expect(line).not.toContain("\u001b");
  });
});

describe("SECRET_KEY", () => {
  test.each([
    "your_secret_key",
    "change-me",
    "short",
    "a".repeat(64),
    "change-me-please-change-me-please-0123",
    "x".repeat(31),
  ])("SEC-T4 %s is refused with the command that makes a good one, and is not repeated", (value) => {
    for (const name of ["SECRET_KEY", "SECRET_KEY_PREVIOUS"]) {
      const found = problems({ env: { [name]: value } });
      expect(found).toHaveLength(1);
      expect(found[0]).toContain("openssl rand -base64 32");
      expect(found[0]).toStartWith(`${name} (from the environment) `);
      expect(found[0]).not.toContain(`"${value}"`);
    }
  });

  test("SEC-T4 32 bytes without a pattern are accepted", () => {
    expect(good({ env: { SECRET_KEY: KEY } }).secretKey).toBe(KEY);
  });

  test("SEC-T4 a secret cannot be given as a flag, where every user of the machine could read it", () => {
    expect(good({ flags: { secretKey: KEY } }).secretKey).toBeUndefined();
  });
});

describe("spelling", () => {
  test("a misspelled setting in .env causes a warning; other names are ignored", () => {
    const read = readSettings({
      envFile: "INACTIVTY_TIMEOUT=5\nSECRETKEY=x\nPATH=x\nMY_APP=1\nport=1\nPROT=1",
    });
    expect(read.warnings).toEqual([
      "INACTIVTY_TIMEOUT in .env is not a setting and has no effect. Did you mean INACTIVITY_TIMEOUT?",
      "SECRETKEY in .env is not a setting and has no effect. Did you mean SECRET_KEY?",
      "PROT in .env is not a setting and has no effect. Did you mean PORT?",
    ]);
  });

  test("no setting is taken for a misspelling of another", () => {
    expect(readSettings({ envFile: SETTING_NAMES.map((name) => `${name}=`).join("\n") }).warnings).toEqual(
      [],
    );
  });
});
