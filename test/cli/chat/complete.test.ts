import { expect, test } from "bun:test";
import { completionsOf } from "../../../src/cli/chat/complete.ts";
import { COMMAND_HELP, COMMAND_NAMES, FAULT_NAMES, parseInput } from "../../../src/cli/chat/parse-input.ts";

test.each([
  ["/q", ["/quota ", "/quit "], "/q"],
  ["/fault", ["/fault "], "/fault"],
  ["/fault t", ["thaw "], "t"],
  ["/fault  lose hi", ["history "], "hi"],
  ["/fault jump token_expi", ["token_expiring ", "token_expiry "], "token_expi"],
  ["/typing ", ["off "], ""],
  ["/fault lose ack ", [], ""],
  ["/edit ", ["5 ", "2 "], ""],
  ["/reply ", ["4 ", "1 "], ""],
  ["/react ", ["4 ", "1 "], ""],
  ["/react #4 👍", ["👍 "], "👍"],
  ["/react 4 👍 ", ["off "], ""],
  ["/frob", [], "/frob"],
  ["//wh", [], "//wh"],
  ["hello b", ["ben ", "bob "], "b"],
  ["hello ", [], ""],
  ["", [], ""],
] as const)("after %p comes one of %p", (line, offered, end) => {
  const messages = [1, 2, 4, 5, undefined].map((seq) => ({ seq, own: seq !== 1 && seq !== 4 }));
  const nameable = { present: ["ben", "bob", "cid"], messages };
  expect(completionsOf(line, nameable)).toEqual([[...offered], end]);
});

test("every command is completed, explained and known, and no other", () => {
  const explained = [...COMMAND_HELP.matchAll(/^\/([a-z]+)/gm)].map(([, name]) => name!);
  expect([...new Set(explained)].sort()).toEqual([...COMMAND_NAMES].sort());
  for (const name of COMMAND_NAMES) expect(parseInput(`/${name}`)).not.toHaveProperty("why", /There is no/);
});

test("every fault is completed and known", () => {
  for (const name of FAULT_NAMES)
    expect(JSON.stringify(parseInput(`/fault ${name}`))).not.toContain("must be one of cut");
});
