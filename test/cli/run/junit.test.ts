import { expect, test } from "bun:test";
import { junitOf } from "../../../src/cli/run/junit.ts";
import type { ExpectationResult } from "../../../src/cli/run/results.ts";

const base = { client: "ann", what: 'message "m1"', seconds: 0.5, differences: [] } as const;

/** The attributes of the first element of a name. */
function attributesOf(xml: string, element: string): Record<string, string> {
  const [, text = ""] = new RegExp(`<${element} ([^>]*?)/?>`).exec(xml)!;
  return Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
}

test("every suite and the whole have the sums of their cases, and the time", () => {
  const results: ExpectationResult[] = [
    { ...base, line: 2, outcome: "passed" },
    { ...base, line: 3, outcome: "different", differences: [{ path: "text", expected: "a", received: "b" }] },
    { ...base, line: 4, outcome: "missing", why: "it did not arrive within 5 s" },
    { ...base, line: 5, outcome: "unreached" },
    { ...base, line: 6, outcome: "halted", why: "its connection is closed" },
    { ...base, outcome: "unexpected", why: "nothing expects it: {}" },
  ];
  const file = { file: "a.jsonl", clients: 1, results, seconds: 1.25 };
  const xml = junitOf([file, { ...file, file: "b.jsonl" }]);
  const counts = { tests: "6", failures: "3", errors: "1", skipped: "1", time: "1.250" };
  expect(attributesOf(xml, "testsuite")).toEqual({ name: "a.jsonl", ...counts });
  expect(attributesOf(xml, "testsuites")).toEqual({
    name: "parley run",
    ...{ tests: "12", failures: "6", errors: "2", skipped: "2", time: "2.500" },
  });
  const of = (element: string) => xml.match(new RegExp(`<${element}[ >]`, "g"))!.length;
  expect([of("testcase"), of("failure"), of("error"), of("skipped")]).toEqual([12, 6, 2, 2]);
  expect(attributesOf(xml, "testcase")).toEqual({
    ...{ classname: "a.jsonl", name: "line 2: ann message &quot;m1&quot;", time: "0.500" },
  });
});

test("characters that XML cannot represent or would misread are replaced or escaped", () => {
  const note = "\u0000\u001b[31m\u009b \ud800 \uffff <&>\"'\r\n\tend";
  const xml = junitOf([
    {
      ...{ file: "<a>.jsonl", clients: 1, seconds: 0 },
      results: [{ ...base, note, outcome: "missing", why: note }],
    },
  ]);
  const shown = "\ufffd\ufffd[31m\u009b \ufffd \ufffd &lt;&amp;&gt;&quot;'&#13;&#10;&#9;end";
  expect(attributesOf(xml, "testcase")).toMatchObject({
    classname: "&lt;a&gt;.jsonl",
    name: `ann message &quot;m1&quot; (${shown})`,
  });
  expect(attributesOf(xml, "failure").message).toBe(shown);
  expect(xml).not.toMatch(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u);
});
