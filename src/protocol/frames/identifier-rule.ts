// The rule for names, without the schema library: the client library has it, too.

/**
 * Users and conversations: 1–128 of `A-Z a-z 0-9 . _ : @ -`, but not `.` or `..`: URL parsers remove these from a path
 * (RFC 3986 §5.2.4), so no client could open such an address.
 */
export const IDENTIFIER = /^(?!\.{1,2}$)[A-Za-z0-9._:@-]{1,128}$/;

/** The rule for a name, as the words that follow "must be". */
export const IDENTIFIER_RULE = "1–128 characters of A-Z a-z 0-9 . _ : @ -, and not `.` or `..`";

/** Returns whether `text` can name a user or a conversation. */
export function isIdentifier(text: string): boolean {
  return IDENTIFIER.test(text);
}
