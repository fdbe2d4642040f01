import { describe, expect, test } from "bun:test";
import { parseInput } from "../../../src/cli/chat/parse-input.ts";

test("text that is no command is sent unchanged; // sends a text that begins with /", () => {
  expect(parseInput("  hello there ")).toEqual({ kind: "send", text: "  hello there " });
  expect(parseInput("//etc/hosts")).toEqual({ kind: "send", text: "/etc/hosts" });
  expect(parseInput("   ")).toEqual({ kind: "nothing" });
});

describe("commands", () => {
  test.each([
    ["/who", { kind: "who" }],
    ["/quit ", { kind: "quit" }],
    ["/history", { kind: "history", limit: 20 }],
    ["/history 5", { kind: "history", limit: 5 }],
    ["/stop", { kind: "stop" }],
    ["/reply #42 yes, two words", { kind: "send", text: "yes, two words", replyTo: 42 }],
    ["/edit 42 yes,  two words", { kind: "edit", seq: 42, text: "yes,  two words" }],
    ["/erase #42", { kind: "erase", seq: 42 }],
    ["/erase 42 wrong group ", { kind: "erase", seq: 42, reason: "wrong group" }],
    ["/react 42 👍", { kind: "react", seq: 42, reaction: "👍", on: true }],
    ["/react 42 👍 off", { kind: "react", seq: 42, reaction: "👍", on: false }],
    ["/typing", { kind: "typing", active: true }],
    ["/typing off", { kind: "typing", active: false }],
    ["/close", { kind: "close" }],
    ["/close 4400 x", { kind: "fault", fault: { do: "close", code: 4400, reason: "x" } }],
    ["/close 4408", { kind: "fault", fault: { do: "close", code: 4408 } }],
    [
      "/fault close 1012 go  away now",
      { kind: "fault", fault: { do: "close", code: 1012, reason: "go away now" } },
    ],
    ["/fault cut", { kind: "fault", fault: { do: "cut" } }],
    ["/fault freeze 2.5", { kind: "fault", fault: { do: "freeze", seconds: 2.5 } }],
    ["/fault thaw", { kind: "fault", fault: { do: "thaw" } }],
    ["/fault delay 300", { kind: "fault", fault: { do: "delay", milliseconds: 300 } }],
    ["/fault lose ack", { kind: "fault", fault: { do: "lose", next: "ack", count: 1 } }],
    ["/fault lose message 3", { kind: "fault", fault: { do: "lose", next: "message", count: 3 } }],
    ["/fault jump 60", { kind: "fault", fault: { do: "jump", seconds: 60 } }],
    ["/fault jump inactivity", { kind: "fault", fault: { do: "jump", to: "inactivity" } }],
    ["/fault fill_quota", { kind: "fault", fault: { do: "fill_quota" } }],
  ] as const)("%s", (line, input) => {
    expect(parseInput(line)).toEqual(input as never);
  });

  test.each([
    ["/frobnicate", "Unknown command /frobnicate; /help lists all commands."],
    ["/who now", "/who takes no arguments."],
    ["/history 201", "/history takes the number of messages to show, from 1 to 200."],
    ["/history x", "/history takes the number of messages to show, from 1 to 200."],
    ["/edit 42", expect.stringContaining("/edit takes the number of a message of yours and its new text")],
    ["/edit 0 x", expect.stringContaining("/edit takes the number")],
    ["/erase it", expect.stringContaining("/erase takes the number of a message")],
    [`/erase 42 ${"x".repeat(201)}`, "The reason must be 200 characters or less."],
    ["/react 42", expect.stringContaining("/react takes the number of a message and one reaction")],
    ["/react 42 👍 🎉", expect.stringContaining("or /react 42 👍 off.")],
    ["/react 42 a/b", expect.stringMatching(/^A reaction must have no blank, control character or `\/`/)],
    ["/close 200", "`code`: must be 1000, 1001, 1011, 1012, 1013, or from 4400 to 4499."],
    ["/close soon", "`code`: must be a whole number."],
    ["/fault", "Name a fault, for example /fault cut; /help lists all."],
    ["/fault burn", expect.stringMatching(/^\/fault burn: must be one of cut, freeze, .*\.$/)],
    ["/fault expired_token", "/fault expired_token is for programs only: see docs/TESTING.md."],
    ["/fault cut now", "/fault cut: has `now`, which there is not."],
    ["/fault freeze", "`seconds`: must be a number of seconds, more than 0 and at most 600."],
  ])("%s is rejected with a reason", (line, why) => {
    expect(parseInput(line)).toEqual({ kind: "invalid", why });
  });
});
