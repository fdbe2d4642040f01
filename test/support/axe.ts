import axe from "axe-core";
import type { Page } from "playwright-core";

/** What axe finds wrong with the page as it is, one line for each element: nothing where all is well. */
export async function axeViolations(page: Page): Promise<string[]> {
  // Evaluated, not added as a script: the page's Content-Security-Policy keeps foreign scripts out.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ["violations"] }),
  );
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.join(" ")}: ${failureSummary}`),
  );
}
