/**
 * Returns the error for the first field of an HTTP body that is not in `known`, since a misspelt field would change something else than
 * was meant. Frames are read otherwise: there unknown fields are ignored (F1).
 */
export function unknownFieldError(fields: Iterable<string>, known: readonly string[]): string | undefined {
  for (const field of fields) if (!known.includes(field)) return describeUnknownField(field, known);
  return undefined;
}

/** `field` with its path, such as `members.0.rol`. `where` is what does not have it. */
export function describeUnknownField(
  field: string,
  known: readonly string[],
  where = "this request",
): string {
  const all = known.length === 0 ? "it has none" : `it has ${known.map((name) => `\`${name}\``).join(", ")}`;
  return `\`${printable(field)}\`: ${where} has no such field; ${all}.`;
}

/** The beginning of a name, without characters that would change how an error is shown. */
function printable(field: string): string {
  return field.slice(0, 80).replace(/[\p{C}\p{Z}`]/gu, "?");
}
