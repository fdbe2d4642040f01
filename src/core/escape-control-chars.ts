// Text that others wrote, on its way to a terminal: control characters would move its cursor, change its title, or type
// for its user (CWE-150); marks of writing direction would show another text than is there (CVE-2021-42574); what has no
// width would make two names look like one. Everything that prints such text calls these functions.

/** C0 controls and DEL. */
const CONTROLS = /[\x00-\x1f\x7f]/g;

/**
 * What is never seen: C1 controls, which some terminals obey in UTF-8 too; line separators; what turns the direction of
 * writing; fillers, marks and tags without a width. Not here: the joiners U+200C and U+200D, which emoji and many
 * scripts need, and the selectors of variants.
 */
const INVISIBLE =
  /\u034f|[\u0080-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e00ff}\u{e01f0}-\u{e0fff}]/gu;

/** What a joiner may stand between: an emoji with its modifiers, or letters of a script that joins. */
const JOINABLE =
  "[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f\\p{M}]|(?![\\p{sc=Latin}\\p{sc=Greek}\\p{sc=Cyrillic}])\\p{L}";

/** A joiner elsewhere joins nothing, and is there to be overlooked. */
const LONE_JOINER = new RegExp(`(?<!${JOINABLE})[\\u200c\\u200d]|[\\u200c\\u200d](?!${JOINABLE})`, "gu");

/** Colours, as Parley itself writes them. */
const COLOR_SEQUENCE = /\x1b\[[0-9;]*m/;

/** `text` with every control character made visible, line ends too: `␛`, `\u202e`. For one value, a name or a reason. */
export function escapeControlChars(text: string): string {
  return replaceInvisible(text.toWellFormed().replaceAll("\t", "    ").replace(CONTROLS, controlPicture));
}

/** The lines of `text`, each made harmless. */
export function escapedLines(text: string): readonly string[] {
  return text.split(/\r?\n/).map(escapeControlChars);
}

/** Returns `value` as JSON that is safe to print on a terminal and parses to the same value. `indent` as for JSON.stringify. */
export function escapedJson(value: unknown, indent?: number): string {
  return escapeInvisible(JSON.stringify(value, null, indent) ?? "null");
}

/** The same for JSON that is written already, with its line ends. */
export function escapeInvisible(json: string): string {
  return replaceInvisible(json.replaceAll("\x7f", "\\u007f"));
}

/**
 * Text of Parley's own, with line ends and colours, around values of others: the last guard before a terminal. Values
 * must be made harmless themselves, or one could hold a line end or a colour.
 */
export function escapedOutput(text: string): string {
  return text
    .split(new RegExp(`([\n\t]|${COLOR_SEQUENCE.source})`))
    .map((part, index) => (index % 2 === 1 ? part : escapeControlChars(part)))
    .join("");
}

function replaceInvisible(text: string): string {
  return text.replace(INVISIBLE, escaped).replace(LONE_JOINER, escaped);
}

function controlPicture(control: string): string {
  return String.fromCodePoint(control === "\x7f" ? 0x2421 : 0x2400 + control.charCodeAt(0));
}

/** As JSON and JavaScript write it. */
function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => {
    return `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }).join("");
}
