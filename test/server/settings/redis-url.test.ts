import { describe, expect, test } from "bun:test";
import { readSettings } from "../../../src/server/settings/read.ts";
import { redisAddressOf } from "../../../src/server/settings/redis-address.ts";
import { parseRedisUrl } from "../../../src/server/settings/redis-url.ts";

const host = (name: string, port = 6379) => ({ host: name, port });

describe("REDIS_URL", () => {
  test.each([
    ["redis://redis", { kind: "standalone", hosts: [host("redis")], tls: false, database: 0 }],
    ["redis://10.0.0.5:6380/3", { kind: "standalone", hosts: [host("10.0.0.5", 6380)], database: 3 }],
    ["redis://[::1]:6380", { kind: "standalone", hosts: [host("::1", 6380)] }],
    ["REDISS://redis/", { kind: "standalone", tls: true, database: 0 }],
    ["redis://:p%40ss%2Fw%25@redis", { password: "p@ss/w%" }],
    ["redis://parley:pw:with:colons@redis", { username: "parley", password: "pw:with:colons" }],
    ["redis://pw@redis", { password: "pw" }],
    ["redis://a,b:7001,c", { kind: "cluster", hosts: [host("a"), host("b", 7001), host("c")] }],
    ["rediss://u:p@only:7000?cluster=true", { kind: "cluster", hosts: [host("only", 7000)], tls: true }],
    [
      "redis+sentinel://u:p@s1,s2:26380/main",
      { kind: "sentinel", hosts: [host("s1", 26379), host("s2", 26380)], primary: "main", username: "u" },
    ],
    ["rediss+sentinel://s1/main", { kind: "sentinel", tls: true, primary: "main" }],
  ])("%s is understood", (text, expected) => {
    const parsed = parseRedisUrl(text);
    if ("problem" in parsed) throw new Error(parsed.problem);
    expect(parsed.value).toMatchObject(expected as object);
  });

  test.each([
    "redis",
    "redis://",
    "http://redis",
    "redis://redis:0",
    "redis://redis:65536",
    "redis://redis:port",
    "redis://redis/name",
    "redis://a,,b",
    "redis://a,b/3",
    "redis://only/3?cluster=true",
    "redis+sentinel://s1",
    "redis+sentinel://s1/two/names",
    "redis://:hunter2@ss@redis",
    "redis://:hunter2/x@redis",
  ])("%s is refused, and the message holds nothing of it", (text) => {
    const read = readSettings({ env: { REDIS_URL: text } });
    if (!("problems" in read)) throw new Error("it was taken");
    expect(read.problems).toHaveLength(1);
    expect(read.problems[0]).toStartWith("REDIS_URL (from the environment) must be redis://");
    expect(read.problems[0]).not.toContain("hunter2");
  });
});

describe("the address from the settings", () => {
  const addressOf = (env: Record<string, string>) => {
    const read = readSettings({ env });
    if ("problems" in read) throw new Error(read.problems.join("\n"));
    return redisAddressOf(read.settings);
  };

  test("without REDIS_HOST and REDIS_URL there is none, whatever else is set", () => {
    expect(addressOf({})).toBeUndefined();
    expect(addressOf({ REDIS_PORT: "6380", REDIS_PASSWORD: "pw" })).toBeUndefined();
  });

  test("REDIS_HOST and REDIS_PORT, as the brief's .env has them", () => {
    expect(addressOf({ REDIS_HOST: "localhost", REDIS_PORT: "6380", REDIS_PASSWORD: "pw" })).toEqual({
      kind: "standalone",
      hosts: [host("localhost", 6380)],
      tls: false,
      password: "pw",
      database: 0,
    });
  });

  test("the user and password of REDIS_URL override REDIS_USERNAME and REDIS_PASSWORD", () => {
    const apart = { REDIS_USERNAME: "other", REDIS_PASSWORD: "apart" };
    expect(addressOf({ REDIS_URL: "redis://redis", ...apart })).toMatchObject({
      username: "other",
      password: "apart",
    });
    expect(addressOf({ REDIS_URL: "redis://u:p@redis", ...apart })).toMatchObject({
      username: "u",
      password: "p",
    });
  });
});
