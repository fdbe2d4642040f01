import { apiKeyList } from "../api-key-list.ts";
import { anyString, boolean, integer, keySetUrl } from "../parsers.ts";
import type { Setting } from "../setting.ts";
import { signingSecret } from "../signing-secret.ts";

/** The settings about accounts and tokens, in the order in which they are shown. */
export const ACCOUNT_SETTINGS = {
  SECRET_KEY: {
    group: "Accounts and tokens",
    kind: signingSecret,
    about:
      "key that signs tokens, made with `openssl rand -base64 32`; unset: one is made and kept in DATA_DIR/secret.key, except with Redis, where every node must be given the same",
    secret: true,
  },
  SECRET_KEY_PREVIOUS: {
    group: "Accounts and tokens",
    kind: signingSecret,
    about:
      "the key before, still accepted until its last token has expired (TOKEN_LIFETIME after the change)",
    secret: true,
  },
  TOKEN_LIFETIME: {
    group: "Accounts and tokens",
    kind: integer("seconds", 1, 86_400),
    about: "life of a token, in seconds",
    default: "1800",
    reason: "a stolen token is of use for half an hour",
  },
  REFRESH_LIFETIME: {
    group: "Accounts and tokens",
    kind: integer("seconds", 0, 31_536_000),
    about: "time after which an unused refresh token ends, in seconds; 0: none are issued",
    default: "2592000",
    reason: "thirty days: a user who returns within a month need not sign in again",
  },
  TOKEN_LEEWAY: {
    group: "Accounts and tokens",
    kind: integer("seconds", 0, 300),
    about: "how far the clock of another issuer may be off, in seconds",
    default: "30",
  },
  TOKEN_ISSUER: {
    group: "Accounts and tokens",
    kind: anyString("name", "any text"),
    about: "`iss` of tokens",
    default: "parley",
  },
  TOKEN_AUDIENCE: {
    group: "Accounts and tokens",
    kind: anyString("name", "any text"),
    about: "`aud` of tokens",
    default: "parley",
  },
  TOKEN_KEY_SET: {
    group: "Accounts and tokens",
    kind: keySetUrl,
    about: "key set (JWKS) of an issuer whose tokens are accepted too; unset: none",
  },
  DEMO_ACCOUNTS: {
    group: "Accounts and tokens",
    kind: boolean,
    about:
      "user1, user2 and user3 with the password `password`; unset: made in a new store and usable on this machine, while HOST is this machine only, and not through a proxy",
  },
  DEMO_CONVERSATIONS: {
    group: "Accounts and tokens",
    kind: boolean,
    about:
      "a lobby with some messages, of which one is edited and two have reactions, and a private group of user1, user2 and `demo-agent`, a program in the server that answers there by streams; made together with the demo accounts in a new embedded store; never where DEMO_ACCOUNTS, SECRET_KEY, TOKEN_KEY_SET or API_KEYS is set",
    default: "true",
  },
  BCRYPT_COST: {
    group: "Accounts and tokens",
    kind: integer("cost", 4, 15),
    about: "cost of a password's hash; each step doubles the time",
    default: "12",
    reason: "about 200 ms a guess; below 10 only for tests",
  },
  PASSWORD_QUEUE: {
    group: "Accounts and tokens",
    kind: integer("count", 1, 10_000),
    about: "sign-ins that may wait to be checked; more are answered 503",
    default: "50",
    reason: "about ten seconds of waiting on one core",
  },
  SIGNIN_FAILURES: {
    group: "Accounts and tokens",
    kind: integer("count", 0, 1000),
    about:
      "failed sign-ins for one account and address in SIGNIN_WINDOW before they must wait; 0 switches it off",
    default: "5",
  },
  SIGNIN_WINDOW: {
    group: "Accounts and tokens",
    kind: integer("seconds", 1, 86_400),
    about: "time over which SIGNIN_FAILURES counts, in seconds",
    default: "300",
  },
  SIGNINS_PER_MINUTE: {
    group: "Accounts and tokens",
    kind: integer("count", 0, 100_000),
    about: "sign-ins a minute from one address, of which 30 may fail; 0 switches both off",
    default: "600",
    reason: "an office of 200 people signs in at once; more than one core compares in a minute",
  },
  API_KEYS: {
    group: "Accounts and tokens",
    kind: apiKeyList,
    about: "keys of programs that use the HTTP verbs, made with `parley api-key entry <name>`; unset: none",
    default: "",
    secret: true,
  },
} as const satisfies Record<string, Setting<unknown>>;
