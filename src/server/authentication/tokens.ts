import { errors, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { ALL_GRANTS, type Grants, readGrants } from "../../core/access/grants.ts";
import { isIdentifier } from "../../protocol/identifiers.ts";
import { MAX_TOKEN_BYTES } from "../../protocol/limits.ts";
import { checkClaims, REQUIRED_CLAIMS, readClaimsSet } from "./claims.ts";
import { KEY_SET_ALGORITHMS, SHARED_ALGORITHM, type TokenKeys } from "./keys.ts";
import type { VerifiedToken } from "./verified-token.ts";

/** `reason` explains the error for clients and the log, without any content of the token. */
export type TokenVerdict =
  | { readonly ok: true; readonly token: VerifiedToken }
  | { readonly ok: false; readonly code: TokenErrorCode; readonly reason: string };

/** `unavailable`: the token cannot be checked now, and may be valid. */
export type TokenErrorCode = "unauthorized" | "token_expired" | "unavailable";

export interface TokenRequest {
  readonly subject: string;
  /** Plan of a subject that has no account. */
  readonly plan?: string;
  /** `createdAt` of the subject's account, so that the token ends with that account. */
  readonly account?: number;
  /** The grants of the token; by default everything. */
  readonly grants?: Grants;
  /** Seconds; TOKEN_LIFETIME where it is not given. */
  readonly lifetime?: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The type of access tokens (RFC 9068), so that a token for another purpose with the same key is not accepted. */
const TOKEN_TYPE = "at+jwt";

/** Header fields that contain or refer to a key, extend the format or encrypt. Valid tokens have none of them. */
const REFUSED_HEADERS = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "enc", "zip"];

const MAX_ID_LENGTH = 256;

/** Signs a token with SECRET_KEY. It has the claims that the tokens of an application need too (docs/TOKENS.md). */
export function signToken(keys: TokenKeys, request: TokenRequest): Promise<string> {
  const { subject, plan, account, grants = ALL_GRANTS, lifetime = keys.lifetime, now } = request;
  const optional = { ...(plan !== undefined && { plan }), ...(account !== undefined && { account }) };
  return (
    new SignJWT({ ...optional, ...grants })
      .setProtectedHeader({ alg: SHARED_ALGORITHM, typ: TOKEN_TYPE })
      .setIssuer(keys.issuer)
      .setAudience(keys.audience)
      .setSubject(subject)
      // With milliseconds (RFC 7519 §2 allows them), so that a revocation of earlier tokens does not affect a sign-in right after it.
      .setIssuedAt(now / 1000)
      .setExpirationTime(Math.floor(now / 1000) + lifetime)
      .setJti(crypto.randomUUID())
      .sign(keys.signing)
  );
}

/**
 * Checks a presented token at `now`, in milliseconds since 1970 (SEC-T1 to SEC-T4). `latest` is the latest time that this
 * machine's clock has shown: a token issued before it does not count as issued in the future after the clock was set back.
 */
export async function verifyToken(
  keys: TokenKeys,
  token: string,
  now: number,
  latest = now,
): Promise<TokenVerdict> {
  // The size is checked before any work on the whole text (B3).
  if (token.length > MAX_TOKEN_BYTES || Buffer.byteLength(token) > MAX_TOKEN_BYTES)
    return unauthorized(`it is longer than ${MAX_TOKEN_BYTES} bytes`);
  const name = keys.verified.keyOf(token);
  const known = keys.verified.find(name, now);
  if (known !== undefined) return { ok: true, token: known };
  const form = parseToken(token);
  if ("reason" in form) return unauthorized(form.reason);
  if (form.algorithm !== SHARED_ALGORITHM) return verifyForeign(keys, form, token, { now, latest });

  const verdict = verifyShared(keys, form, token, { now, latest });
  if (verdict.ok) keys.verified.add(name, verdict.token);
  return verdict;
}

/**
 * Checks a token that must be signed with SECRET_KEY. Not with the library, which computes each HMAC on the runtime's thread
 * pool: 1 µs of work, and 45 µs for the switch of threads on a busy core (docs/decisions/0017).
 */
function verifyShared(keys: TokenKeys, form: ParsedToken, token: string, { now, latest }: TokenTimes) {
  const signed = token.slice(0, token.lastIndexOf("."));
  if (!keys.signedWithSecret(signed, form.signature)) return unauthorized("its signature does not fit");
  const checked = checkedClaims(keys, form, now);
  if ("ok" in checked) return checked;
  const { claims } = checked;
  return readClaims(claims, latest / 1000 + keys.leeway);
}

/** Reads the claims of a token and checks that it is for this server and has not expired, or returns the refusal. */
function checkedClaims(
  keys: TokenKeys,
  { header, payload }: ParsedToken,
  now: number,
): TokenVerdict | { readonly claims: Record<string, unknown> } {
  const claims = readClaimsSet(payload);
  if (claims === undefined) return unauthorized(DAMAGED);
  const expected = { type: TOKEN_TYPE, issuer: keys.issuer, audience: keys.audience, leeway: keys.leeway };
  const fault = checkClaims(header, claims, expected, Math.floor(now / 1000));
  if (fault === "expired") return EXPIRED;
  return fault === undefined ? { claims } : unauthorized(explainClaim(fault));
}

/**
 * Checks a token of another issuer with its key set. The claims are checked first, so that a token for another server, or an
 * expired one, does not cause a read of the set.
 */
async function verifyForeign(
  keys: TokenKeys,
  form: ParsedToken,
  token: string,
  { now, latest }: TokenTimes,
): Promise<TokenVerdict> {
  const { algorithm, header } = form;
  if (keys.keySet === undefined || !KEY_SET_ALGORITHMS.has(algorithm))
    return unauthorized("its algorithm is not accepted here");
  const checked = checkedClaims(keys, form, now);
  if ("ok" in checked) return checked;
  const { kid } = header;
  if (typeof kid !== "string") return unauthorized(NO_KEY);
  const key = await keys.keySet.find(kid, algorithm);
  if (key === "unavailable") return UNREADABLE;
  if (key === "none") return unauthorized(NO_KEY);
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [algorithm],
      typ: TOKEN_TYPE,
      issuer: keys.issuer,
      audience: keys.audience,
      requiredClaims: REQUIRED_CLAIMS,
      clockTolerance: keys.leeway,
      currentDate: new Date(now),
    });
    return readClaims(payload, latest / 1000 + keys.leeway);
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    return verdictOfError(error);
  }
}

/**
 * The checks before the library (SEC-T2), besides the size: three segments, each in the canonical form of base64url. Decoders
 * also accept padding, spaces, the other alphabet and unused last bits. But a token must have only one form, or a revoked
 * token could be presented again in another form.
 */
function parseToken(token: string): ParsedToken | { reason: string } {
  const segments = token.split(".");
  if (segments.length !== 3) return { reason: "it does not have three parts" };
  const parts: Buffer[] = [];
  for (const segment of segments) {
    const bytes = Buffer.from(segment, "base64url");
    if (segment === "" || bytes.toString("base64url") !== segment)
      return { reason: "it is not in canonical base64url" };
    parts.push(bytes);
  }
  const [head, payload, signature] = parts as [Buffer, Buffer, Buffer];
  const header = readClaimsSet(head);
  if (header === undefined) return { reason: "its header is not a JSON object" };
  const refused = REFUSED_HEADERS.find((field) => Object.hasOwn(header, field));
  if (refused !== undefined) return { reason: `its header has \`${refused}\`, which is not accepted` };
  return typeof header.alg === "string"
    ? { algorithm: header.alg, header, payload, signature }
    : { reason: "its header names no algorithm" };
}

/** The present time, and the latest time that the machine's clock has shown, in milliseconds since 1970. */
interface TokenTimes {
  readonly now: number;
  readonly latest: number;
}

/** The decoded parts of a token. Their content is not checked yet. */
interface ParsedToken {
  readonly algorithm: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: Buffer;
  readonly signature: Buffer;
}

/**
 * Checks the rules that the library does not check. A later `iat` than `latest`, in seconds, counts as in the future.
 */
function readClaims(claims: JWTPayload, latest: number): TokenVerdict {
  const { sub, jti, iat, exp, plan, account } = claims;
  if (typeof sub !== "string" || !isIdentifier(sub)) return unauthorized("its `sub` cannot name a user");
  if (typeof jti !== "string" || jti === "" || jti.length > MAX_ID_LENGTH)
    return unauthorized("its `jti` is not a text of 1 to 256 characters");
  // JSON.parse reads 1e999 as Infinity: a token that never expires.
  if (!isTime(iat) || !isTime(exp)) return unauthorized("its `iat` or `exp` is not a time");
  if (iat > latest) return unauthorized("its `iat` lies in the future");
  if (exp <= iat) return unauthorized("its `exp` is not after its `iat`");
  if (plan !== undefined && typeof plan !== "string") return unauthorized("its `plan` is not a text");
  if (account !== undefined && typeof account !== "number")
    return unauthorized("its `account` is not a time");
  const read = readGrants(claims.conversations, claims.rights);
  if ("problem" in read) return unauthorized(read.problem);
  const times = { issuedAt: Math.round(iat * 1000), expiresAt: Math.round(exp * 1000) };
  const token = { subject: sub, id: jti, ...times, grants: read.grants };
  const optional = { ...(plan !== undefined && { plan }), ...(account !== undefined && { account }) };
  return { ok: true, token: { ...token, ...optional } };
}

function isTime(seconds: number | undefined): seconds is number {
  return seconds !== undefined && seconds >= 0 && seconds <= Number.MAX_SAFE_INTEGER / 1000;
}

function verdictOfError(error: errors.JOSEError): TokenVerdict {
  if (error instanceof errors.JWTExpired) return EXPIRED;
  if (error instanceof errors.JWTClaimValidationFailed) return unauthorized(explainClaim(error.claim));
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return unauthorized("its signature does not fit");
  return unauthorized(DAMAGED);
}

const EXPIRED: TokenVerdict = { ok: false, code: "token_expired", reason: "The token has expired." };
const UNREADABLE: TokenVerdict = {
  ok: false,
  code: "unavailable",
  reason: "The key set of the token's issuer cannot be read now; try again in a moment.",
};
const NO_KEY = "the key set has no key for it";
const DAMAGED = "it is damaged";

function explainClaim(claim: string): string {
  return `its \`${claim}\` is missing or not the one expected`;
}

function unauthorized(why: string): TokenVerdict {
  return { ok: false, code: "unauthorized", reason: `The token is not valid: ${why}.` };
}
