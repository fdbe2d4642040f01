// Text that others wrote, on a terminal: control characters would move its cursor, change its title, or type for its
// user (CWE-150); marks of writing direction would show another text than is there (CVE-2021-42574).

/** C1 controls, which some terminals obey in UTF-8 too, line separators, and what turns the direction of writing. */
const UNSEEN = /[\u0080-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** `text` with every control character made visible, line ends too: `␛`, `\u202e`. */
export function harmless(text: string): string {
  return text
    .toWellFormed()
    .replaceAll("\t", "    ")
    .replace(/[\x00-\x1f\x7f]/g, (control) =>
      String.fromCodePoint(control === "\x7f" ? 0x2421 : 0x2400 + control.charCodeAt(0)),
    )
    .replace(UNSEEN, escaped);
}

/** The lines of `text`, each made harmless. */
export function harmlessLines(text: string): readonly string[] {
  return text.split(/\r?\n/).map(harmless);
}

/** `value` as JSON on one line, which a terminal can show; it says the same to whoever parses it. */
export function harmlessJson(value: unknown): string {
  return JSON.stringify(value).replace(/\x7f/g, escaped).replace(UNSEEN, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
