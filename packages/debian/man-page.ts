// The man page, made of the commands and settings themselves.
import { commandTree } from "../../src/cli/completion/command-tree.ts";
import { program } from "../../src/cli/program.ts";
import { SETTING_NAMES, setting } from "../../src/server/settings/table.ts";

/** Returns parley(1) as roff; see man-pages(7). `date` is `YYYY-MM-DD`. */
export function manPage(version: string, date: string): string {
  const nodes = commandTree(program(), "serve", {});
  const [root, ...commands] = nodes;
  const about = new Map(
    nodes.flatMap(({ path, commands: below }) =>
      below.map(({ word, about: text }) => [`${path} ${word}`, text] as const),
    ),
  );
  return [
    `.TH PARLEY 1 ${quoted(date)} ${quoted(`Parley ${version}`)} ${quoted("User commands")}`,
    ".SH NAME",
    "parley \\- conversation server over WebSocket",
    ".SH SYNOPSIS",
    ".B parley",
    "[\\fIcommand\\fR] [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    "Parley is a conversation server: people and programs sign in over HTTP, open a WebSocket and talk. It keeps every message in order,",
    "meters every user by plan, and needs nothing but itself on one machine. On several, its nodes share a Redis.",
    ".PP",
    "Each command prints its help with \\fB\\-\\-help\\fR.",
    ".SH COMMANDS",
    ...commands.flatMap(({ path, flags }) => [
      ".TP",
      `.B ${escaped(path)}`,
      escaped(about.get(path as `${string} ${string}`) ?? ""),
      ...flags
        .filter(({ word }) => word.startsWith("--") && word !== "--help")
        .flatMap(({ word, about: text }) => [".RS", ".TP", `.B ${escaped(word)}`, escaped(text), ".RE"]),
    ]),
    ".SH ENVIRONMENT",
    `The settings of \\fBparley serve\\fR. The flags of ${escaped(root!.path)} serve have the same names.`,
    ...SETTING_NAMES.flatMap((name) => [".TP", `.B ${escaped(name)}`, escaped(setting(name).about)]),
    ".SH FILES",
    ".TP",
    ".I /etc/parley/parley.env",
    "the settings of the service",
    ".TP",
    ".I /var/lib/parley/data",
    "the store of the service",
    ".SH EXIT STATUS",
    "0 done; 1 refused or failed; 2 wrong use; 130 and 143 ended by SIGINT and SIGTERM.",
    ".SH SEE ALSO",
    ".BR parleyctl (8),",
    ".I /usr/share/doc/parley/docs/OPERATIONS.md",
    "",
  ].join("\n");
}

/** A word of the source as text: a hyphen that can be copied, and no line that begins with a request. */
function escaped(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(
      /[^\u0020-\u007e\n]/gu,
      (char) => `\\[u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`,
    )
    .replace(/^([.'])/gm, "\\&$1");
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', "\\(dq")}"`;
}
