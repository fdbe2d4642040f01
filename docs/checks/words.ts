// Checks, as a part of `npm run check`, that words which this project has given up do not come back: in names (split at their
// humps), comments, texts, test titles and documents. docs/GLOSSARY.md has the words to use instead.
import { lineAt, projectPaths, readProjectFile } from "./project-files.ts";

const CHECKED = new Bun.Glob(
  "{src,test,bench,docs,packages,examples,deploy}/**/*.{ts,tsx,mjs,go,md,lua,css,html,py,json,jsonl}",
);

/** The list itself, its test, and that of the ids. */
const EXEMPT: readonly string[] = [
  "docs/checks/words.ts",
  "test/docs/words.test.ts",
  "test/docs/ids.test.ts",
];

/** A pattern for text in small letters whose names are split into words, and the words to use instead. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/\b(?:told|tells?|telling)\b/g, "notify, send, report, say, distinguish"],
  [/\b(?:hears?|heard|hearing|hearer)\b/g, "receive, learn"],
  [/\bwhoever\b/g, "a client that, callers that"],
  [/\banew\b/g, "again"],
  [/\bat hand\b/g, "available, ready"],
  [/\bfarewells?\b/g, "`closing` frame, close"],
  [/\bknock(?:s|ed|ing)?\b/g, "upgrade request, probe"],
  [/\bturnstiles?\b/g, "concurrency limiter"],
  [/\bburst guards?\b/g, "flood guard"],
  [/\btest bench(?:es)?\b/g, "console"],
];

/** The same for text as it stands. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/\/\*\* Answers\b|^\s*(?:\*|\/\/|--) Answers\b/gm, "Returns"],
  [/\bRUNTIME \d+/g, "RT-n"],
  [/\b(?:DESIGN|REVIEW|ENGINES|STYLE) §/g, "a document of this project"],
  [
    /\b(?:LifeKeeper|Gathering|HereTable|HereChange|Listenings|LateAnswers|DoorVerdict|TokenKeeper|Turns|Entrance|Passage|EngineTurn|StoreAway|RedisAway|StoreUnfit|Vitals|Analyst|Teller)\b/g,
    "the present name (docs/GLOSSARY.md)",
  ],
];

/** Returns the given-up words in `text`, one line each. */
export function wordErrors(path: string, text: string): string[] {
  const split = text
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replaceAll("_", " ")
    .toLowerCase();
  return [...findAll(path, split, WORDS), ...findAll(path, text, NAMES)];
}

function findAll(path: string, text: string, patterns: readonly (readonly [RegExp, string])[]): string[] {
  return patterns.flatMap(([pattern, instead]) =>
    [...text.matchAll(pattern)].map(({ 0: found, index }) => {
      return `${path}:${lineAt(text, index)}: "${found.trim()}" is not used here; write: ${instead}`;
    }),
  );
}

if (import.meta.main) {
  const paths = ["README.md", ...projectPaths(CHECKED)].filter((path) => !EXEMPT.includes(path));
  const errors = paths.flatMap((path) => wordErrors(path, readProjectFile(path)));
  for (const error of errors) console.error(error);
  if (errors.length > 0) process.exit(1);
}
