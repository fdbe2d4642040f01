import { expect, test } from "bun:test";
import { canUseDemoAccounts, demoReach, demoUseOf } from "../../../src/core/access/demo-accounts.ts";

test("SEC-S3 demo accounts are allowed as DEMO_ACCOUNTS sets, and by default only on this machine", () => {
  expect(demoReach(undefined, true)).toBe("this_machine");
  expect(demoReach(undefined, false)).toBe("nowhere");
  expect([demoReach(true, true), demoReach(true, false)]).toEqual(["anywhere", "anywhere"]);
  expect([demoReach(false, true), demoReach(false, false)]).toEqual(["nowhere", "nowhere"]);
});

const may = (fields: Record<string, string>, loopback = true) =>
  canUseDemoAccounts("this_machine", { loopback, headers: new Headers(fields) });

test.each(["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "localhost:9000", ""])(
  "SEC-S3 a client on this machine may use them, at %j",
  (host) => {
    expect(may({ Host: host })).toBe(true);
    expect(may({ Host: host }, false)).toBe(false);
  },
);

test("SEC-S3 so may a program that sends no Host", () => expect(may({})).toBe(true));

test.each(["chat.example.com", "evil.example:8000", "192.0.2.1:8000", "a, b", "localhost.example.com"])(
  "SEC-S3 a client that uses another host name may not: %s",
  (host) => expect(may({ Host: host })).toBe(false),
);

test.each([
  "Forwarded",
  "X-Forwarded-For",
  "X-Forwarded-Proto",
  "X-Forwarded-Host",
  "X-Forwarded-Port",
  "X-Forwarded-Server",
  "X-Forwarded",
  "X-Real-IP",
  "Via",
  "CF-Connecting-IP",
  "True-Client-IP",
  "X-Client-IP",
  "X-Cluster-Client-IP",
  "X-Original-Forwarded-For",
  "X-Envoy-External-Address",
  "Fastly-Client-IP",
  "Fly-Client-IP",
  "CDN-Loop",
])("SEC-S3 a client whose request passed a proxy may not: %s", (field) =>
  expect(may({ Host: "localhost:8000", [field]: "203.0.113.5" })).toBe(false),
);

test("SEC-S3 DEMO_ACCOUNTS applies to every client", () => {
  const far = { loopback: false, headers: new Headers({ Host: "chat.example.com", Via: "1.1 proxy" }) };
  const near = { loopback: true, headers: new Headers({ Host: "localhost" }) };
  expect([far, near].map((asker) => canUseDemoAccounts("anywhere", asker))).toEqual([true, true]);
  expect([far, near].map((asker) => canUseDemoAccounts("nowhere", asker))).toEqual([false, false]);
});

test("the reason is that they are off, or not allowed from that address", () => {
  const here = { loopback: true, headers: new Headers({ host: "localhost" }) };
  const remote = { loopback: false, headers: new Headers({ host: "chat.example.com" }) };
  expect(demoUseOf("nowhere", here)).toBe("off");
  expect(demoUseOf("this_machine", here)).toBe("usable");
  expect(demoUseOf("this_machine", remote)).toBe("elsewhere");
  expect(demoUseOf("anywhere", remote)).toBe("usable");
});
