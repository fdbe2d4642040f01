import { expect, test } from "bun:test";
import { idErrors } from "../../docs/checks/ids.ts";

const PAGES = new Map([
  ["docs/A.md", "- **D1** One rule.\n- **D2** Another one.\n"],
  ["docs/B.md", "- **SEC-T1** A rule.\n- **RT-1** **A pitfall.** Text.\n"],
]);

test("ids that are defined once may be cited anywhere", () => {
  const code = new Map([
    ["src/a.ts", "// D1 and (SEC-T1), RT-1: P95 is a percentile, d3 a variable, %D1 a byte, v1.D1 a name"],
  ]);
  expect(idErrors(PAGES, code)).toEqual([]);
});

test("an id that no page defines is an error, with its file and line", () => {
  const code = new Map([["src/a.ts", "// fine\n// D3, SEC-T9, RT-2\n"]]);
  expect(idErrors(PAGES, code)).toEqual([
    "src/a.ts:2: D3 is defined in no page of docs/",
    "src/a.ts:2: SEC-T9 is defined in no page of docs/",
    "src/a.ts:2: RT-2 is defined in no page of docs/",
  ]);
});

test("ids of the form that was used before are errors", () => {
  const former = ["RUNTIME 3", "T6", "S2"];
  const errors = idErrors(PAGES, new Map([["src/a.ts", former.join("\n")]]));
  expect(errors.map((error) => error.split(" ")[0])).toEqual(["src/a.ts:1:", "src/a.ts:2:", "src/a.ts:3:"]);
});

test("an id that is defined twice, and a prefix of two pages, are errors", () => {
  const pages = new Map([...PAGES, ["docs/C.md", "- **D1** Again.\n"]]);
  expect(idErrors(pages, new Map())).toEqual([
    "docs/C.md: D1 is defined a second time; the first is in docs/A.md",
    "docs/C.md: ids that begin with D belong to docs/A.md",
  ]);
});
