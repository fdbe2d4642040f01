/** A setting's text as a value, or the rule that it breaks: words that continue after `NAME="…"`. */
export type ParseResult<T> = { readonly value: T } | { readonly problem: string };

/** How one sort of setting is written, checked and shown. */
export interface SettingParser<T> {
  /** Placeholder for the value in `--help`: `seconds`. */
  readonly form: string;
  /** The accepted values, for the documents: `a whole number from 0 to 65535`. */
  readonly accepts: string;
  parse(text: string): ParseResult<T>;
}
