import type { SettingParser } from "./parser.ts";

/** Shortest key for HS256, in bytes: RFC 7518 §3.2 wants at least the length of the hash. */
export const MIN_SECRET_BYTES = 32;

/** Makes a good key; named wherever a bad one is refused. */
export const GENERATE_SECRET_HINT = "openssl rand -base64 32";

/** Fewer different characters than this are a pattern, not a key; in 32 random hex digits there are about 14. */
const MIN_DISTINCT_CHARACTERS = 8;

/** Placeholders of example files and tutorials for a key. */
const PLACEHOLDER =
  /(your|my|the|a|this)[-_ ]?(is[-_ ]?)?(a[-_ ]?)?(very[-_ ]?|super[-_ ]?)?(jwt[-_ ]?)?secret|change[-_ ]?(me|this|it)|super[-_ ]?secret|replace[-_ ]?(me|this)|placeholder|secret[-_ ]?key|insert[-_ ]|example/i;

/** The key that signs tokens (SEC-T4). An attacker who can guess it can sign in as any user. */
export const signingSecret: SettingParser<string> = {
  form: "secret",
  accepts: `at least ${MIN_SECRET_BYTES} bytes that nobody can guess`,
  parse(text) {
    const bytes = Buffer.byteLength(text);
    if (PLACEHOLDER.test(text)) return refused("is a placeholder from an example, which anybody can guess");
    if (bytes < MIN_SECRET_BYTES)
      return refused(
        `has ${bytes} bytes and needs at least ${MIN_SECRET_BYTES}, or it can be found by trying`,
      );
    if (new Set(text).size < MIN_DISTINCT_CHARACTERS)
      return refused("repeats a few characters and can be guessed");
    return { value: text };
  },
};

function refused(why: string): { problem: string } {
  return { problem: `${why}. Make a good one with: ${GENERATE_SECRET_HINT}` };
}
