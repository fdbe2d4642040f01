import { readFileSync } from "node:fs";
import { join } from "node:path";

const PAGE = join(import.meta.dir, "../../../docs/PERSONAL-DATA.md");

/** The places that a section of the inventory names; `passing`: those that name a user for a moment only. */
export function inventoryOf(section: string): { readonly places: string[]; readonly passing: string[] } {
  const [, text = ""] = readFileSync(PAGE, "utf8").split(`\n## ${section}\n`);
  const [rows = ""] = text.split("\n## ");
  const places: string[] = [];
  const passing: string[] = [];
  for (const [, cell = ""] of rows.matchAll(/^\| (`.*?) \|/gm))
    for (const [, place = "", mark] of cell.matchAll(/`([^`]+)`(\*?)/g))
      (mark === "*" ? passing : places).push(place);
  return { places: places.sort(), passing };
}
