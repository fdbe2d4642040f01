import { type ApiKey, RIGHTS_BY_NAME } from "../../core/access/api-keys.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import type { SettingParser } from "./parser.ts";

/** The keys of programs, `name:sha256:rights,…`. A problem names an entry by its place: its value is a secret's. */
export const apiKeyList: SettingParser<readonly ApiKey[]> = {
  form: "keys",
  accepts:
    "`name:sha256:rights` with commas between the keys, as `parley api-key entry <name>` prints it; rights are `read`, `write`, `manage`, or several with `+` as in `read+write`",
  parse(text) {
    const keys: ApiKey[] = [];
    const entries = text
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "");
    for (const [index, entry] of entries.entries()) {
      const parsed = parseEntry(entry);
      if (typeof parsed === "string") return { problem: `has an entry, number ${index + 1}, that ${parsed}` };
      if (keys.some(({ hash }) => hash === parsed.hash)) return { problem: "has the same key twice" };
      keys.push(parsed);
    }
    return { value: keys };
  },
};

/** Names may hold colons, so an entry is read from its end. */
function parseEntry(entry: string): ApiKey | string {
  const [, name = "", hash = "", words = ""] = /^(.*):([^:]*):([^:]*)$/.exec(entry) ?? [];
  const rights = RIGHTS_BY_NAME.get(words);
  if (entry.startsWith("pk_"))
    return "is a key itself; put in what `parley api-key entry <name>` prints for API_KEYS, and make a new key";
  if (!isIdentifier(name)) return `must begin with a name of ${IDENTIFIER_RULE}`;
  if (!/^[0-9a-f]{64}$/i.test(hash)) return "must have the SHA-256 of its key in 64 hexadecimal digits";
  if (rights === undefined) return `must end with its rights: ${[...RIGHTS_BY_NAME.keys()].join(", ")}`;
  return { name, hash: hash.toLowerCase(), rights };
}
