/** A setting's text as a value, or what it must be instead: words that go on from `NAME="…"`. */
export type ParseResult<T> = { readonly value: T } | { readonly problem: string };

/** How one sort of setting is written, checked and shown. */
export interface SettingParser<T> {
  /** Stands for the value in `--help`: `seconds`. */
  readonly form: string;
  /** What is accepted, for the documents: `a whole number from 0 to 65535`. */
  readonly accepts: string;
  parse(text: string): ParseResult<T>;
}
