/** Returns the bytes of a text in UTF-8. Needs no `Buffer`, which browsers lack. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
