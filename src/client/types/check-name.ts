import { IDENTIFIER } from "../../protocol/frames/identifier-rule.ts";
import { ParleyError } from "./error.ts";

/** Returns `name`. Throws if it can name neither a user nor a conversation: in an address, `..` would be another address. */
export function checkName(name: string): string {
  if (!IDENTIFIER.test(name)) throw new ParleyError("invalid", `"${name}" does not match ${IDENTIFIER}`);
  return name;
}
