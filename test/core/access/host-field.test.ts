import { expect, test } from "bun:test";
import { isLoopbackName, parseHost } from "../../../src/core/access/host-field.ts";

test.each([
  ["chat.example.com", "chat.example.com", undefined],
  ["Chat.EXAMPLE.com:8443", "chat.example.com", 8443],
  ["node_1.internal:80", "node_1.internal", 80],
  ["127.0.0.1:8000", "127.0.0.1", 8000],
  ["0x7f.1", "127.0.0.1", undefined],
  ["127.1:1", "127.0.0.1", 1],
  ["2130706433", "127.0.0.1", undefined],
  ["127.000.000.001", "127.0.0.1", undefined],
  ["[::1]:8000", "[::1]", 8000],
  ["[0:0:0:0:0:0:0:1]", "[::1]", undefined],
  ["[::FFFF:127.0.0.1]", "[::ffff:7f00:1]", undefined],
  ["localhost.", "localhost.", undefined],
  ["a%2eb", "a.b", undefined],
] as const)("W2 the Host %s is %s, port %p", (field, name, port) =>
  expect(parseHost(field)).toEqual({ name, port }),
);

test.each([
  null,
  "",
  "a b",
  "a, b",
  "a@b",
  "a/b",
  "a?b",
  "a#b",
  "a\\b",
  "[::1",
  "::1",
  "a:b",
  "a:123456",
  "999.1.1.1",
])("W2 the Host %j is none", (field) => expect(parseHost(field)).toBeUndefined());

test.each(["localhost", "localhost.", "a.localhost", "127.0.0.1", "127.255.1.9", "[::1]", "[::ffff:7f00:1]"])(
  "W2 %s always means the client's own machine",
  (name) => expect(isLoopbackName(name)).toBe(true),
);

test.each([
  "example.localhost.com",
  "localhost.example.com",
  "xlocalhost",
  "128.0.0.1",
  "[::2]",
  "[::ffff:8000:1]",
  "0.0.0.0",
])("W2 %s does not", (name) => expect(isLoopbackName(name)).toBe(false));
