// The claims that every token must have (SEC-T3), and the values they must have here: RFC 7519 §4.1 and, for `typ`, RFC 9068 §2.1.
import { parseJsonObject } from "../../protocol/json.ts";

/** The required claims, in the order in which missing ones are reported. Their values are checked too. */
export const REQUIRED_CLAIMS = ["iss", "aud", "sub", "iat", "exp", "jti"];

export interface ExpectedClaims {
  /** `typ` of the header. */
  readonly type: string;
  readonly issuer: string;
  readonly audience: string;
  /** How far the issuer's clock may be off, in seconds. */
  readonly leeway: number;
}

/** Header or claims of a token: a JSON object in UTF-8, of bounded depth. Undefined for anything else. */
export function readClaimsSet(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    return parseJsonObject(UTF_8.decode(bytes)).value;
  } catch {
    return undefined;
  }
}

// It can be shared, since it keeps no state between two texts.
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns the claim that is missing or wrong at `now` (whole seconds since 1970); undefined when all are valid. */
export function checkClaims(
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
  { type, issuer, audience, leeway }: ExpectedClaims,
  now: number,
): string | "expired" | undefined {
  if (typeof header.typ !== "string" || mediaType(header.typ) !== mediaType(type)) return "typ";
  const missing = REQUIRED_CLAIMS.find((claim) => !Object.hasOwn(claims, claim));
  if (missing !== undefined) return missing;
  const { iss, aud, nbf, exp, iat } = claims;
  if (iss !== issuer) return "iss";
  if (aud !== audience && !(Array.isArray(aud) && aud.includes(audience))) return "aud";
  if (typeof iat !== "number") return "iat";
  if (nbf !== undefined && !(typeof nbf === "number" && nbf <= now + leeway)) return "nbf";
  if (typeof exp !== "number") return "exp";
  return exp <= now - leeway ? "expired" : undefined;
}

/** `at+jwt` and `application/at+jwt` are the same, in any case (RFC 7515 §4.1.9). */
function mediaType(type: string): string {
  const lower = type.toLowerCase();
  return lower.includes("/") ? lower : `application/${lower}`;
}
