import { readFileSync } from "node:fs";
import type axe from "axe-core";
import type { Page } from "playwright-core";

/** Minified, because a browser reads it again for each page. */
const SOURCE = readFileSync(Bun.resolveSync("axe-core/axe.min.js", import.meta.dir), "utf8");

/** All rules but those that are opinions of axe, and no rule of WCAG: `best-practice` is among those that are asked. */
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe looks at. A part of a page takes a third of the processor time of a page with a timeline. */
export interface AxeScope {
  /** A selector of the part that has changed; the whole page if not given. */
  readonly within?: string;
}

/**
 * The violations that axe finds on the page as it is: the rule, the element and the reason, a line for each element.
 */
export async function axeViolations(page: Page, { within }: AxeScope = {}): Promise<string[]> {
  // Evaluated, not added as a script: the page's Content-Security-Policy keeps foreign scripts out.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(SOURCE);
  const { violations } = await page.evaluate(
    ([selector, tags]) =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(selector ?? document, {
        runOnly: { type: "tag", values: tags },
        // Of the rules that hold, which are most, axe then describes no element.
        resultTypes: ["violations"],
        // Style sheets and media are asked for by rules only that this page has nothing for.
        preload: false,
      }),
    [within, TAGS] as const,
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
  );
}
