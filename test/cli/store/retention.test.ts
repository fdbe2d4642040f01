import { expect, test } from "bun:test";
import { storeProvider } from "../../../src/cli/store/providers.ts";
import { retentionLimitsOf } from "../../../src/core/conversation/retention.ts";
import { readSettings } from "../../../src/server/settings/read.ts";

test.each([
  [{}, { messages: 0, days: 0 }],
  [{ RETENTION_MESSAGES: "5" }, { messages: 5, days: 0 }],
  [{ REDIS_HOST: "redis" }, { messages: 10_000, days: 30 }],
  [{ REDIS_URL: "redis://redis" }, { messages: 10_000, days: 30 }],
  [
    { REDIS_HOST: "redis", RETENTION_MESSAGES: "0", RETENTION_DAYS: "7" },
    { messages: 0, days: 7 },
  ],
])("%p keeps messages as %p", (env, kept) => {
  const read = readSettings({ env });
  if ("problems" in read) throw new Error(read.problems.join("\n"));
  const { defaultRetention } = storeProvider(read.settings);
  expect(retentionLimitsOf(read.settings, defaultRetention)).toEqual(kept);
});
