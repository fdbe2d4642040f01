import { randomBytes } from "node:crypto";
import { CHECK_PREFIX } from "../../protocol/identifiers.ts";
import type { Check } from "../check.ts";
import type { TestContext, TestUser } from "../context.ts";
import { assertEqual } from "../verdicts.ts";

/** Rules OA1–OA6: the operator's API. All but OA2 need an API key of the operator. */
export const OPERATOR_CHECKS: readonly Check[] = [
  {
    rule: "OA1",
    what: "an API key works when it is made, and is refused when it is revoked",
    run: (context) =>
      withKey(context, ["manage"], async (key, revoke) => {
        await becomes("`code` with a new key", () => ask(context, key, "GET", "/nodes"), undefined);
        await revoke();
        await becomes("`code` with a revoked key", () => ask(context, key, "GET", "/nodes"), "unauthorized");
      }),
  },
  {
    rule: "OA2",
    what: "the operator's addresses are for no user",
    run: async (context) => {
      for (const path of ["/users", "/api-keys", "/statistics", "/activity"]) {
        const asUser = await ask(context, context.ann, "GET", path);
        assertEqual(`\`code\` of GET ${path} with the token of a user`, asUser.code, "forbidden");
        const asNobody = await ask(context, undefined, "GET", path);
        assertEqual(`\`code\` of GET ${path} without a credential`, asNobody.code, "unauthorized");
      }
    },
  },
  {
    rule: "OA3",
    what: "a key gives no right that it does not have",
    run: (context) =>
      withKey(context, ["manage"], (key) => {
        const more = { name: newName(), rights: ["manage", "read"] };
        return becomes(
          "`code` of POST /api-keys for more rights",
          () => ask(context, key, "POST", "/api-keys", more),
          "forbidden",
        );
      }),
  },
  {
    rule: "OA5",
    what: "an account is made once, changed, and removed",
    run: async (context) => {
      const operator = context.requireOperator();
      const path = `/users/${newName()}`;
      const body = { disabled: true };
      try {
        assertEqual("status of PUT", (await ask(context, operator, "PUT", path, body)).status, 201);
        assertEqual(
          "status of the same again",
          (await ask(context, operator, "PUT", path, body)).status,
          200,
        );
        const changed = await ask(context, operator, "PATCH", path, { disabled: false });
        assertEqual("`disabled` after PATCH", changed.disabled, false);
      } finally {
        assertEqual("status of DELETE", (await ask(context, operator, "DELETE", path)).status, 204);
      }
      assertEqual("status of DELETE again", (await ask(context, operator, "DELETE", path)).status, 204);
      assertEqual("`code` of GET", (await ask(context, operator, "GET", path)).code, "not_found");
    },
  },
  {
    rule: "OA6",
    what: "a user who is signed out is refused, and the socket closes",
    run: async (context) => {
      const operator = context.requireOperator();
      const user = context.newUser();
      const { socket } = await context.join(user, context.conversation());
      const path = `/users/${user.user}/sign-out`;
      assertEqual("status of sign-out", (await ask(context, operator, "POST", path)).status, 204);
      // F3 tests that `closing` is sent.
      assertEqual("close code", (await socket.closed()).code, 4401);
      assertEqual("`code` of GET /me", (await ask(context, user, "GET", "/me")).code, "token_revoked");
    },
  },
];

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly disabled?: boolean;
  readonly key?: string;
}

async function ask(
  context: TestContext,
  as: TestUser | undefined,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  const response = await context.fetch(path, {
    method,
    ...(as !== undefined && { as }),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { ...(text === "" ? {} : JSON.parse(text)), status: response.status };
}

/** How long a change may take on another node, in milliseconds: a second by OA1, and one for the requests. */
const CHANGE_TIMEOUT_MS = 2_000;

/** Repeats a request until its `code` is `expected`, and fails if that takes too long. */
async function becomes(
  what: string,
  request: () => Promise<Answer>,
  expected: string | undefined,
): Promise<void> {
  for (const end = Date.now() + CHANGE_TIMEOUT_MS; ; await new Promise((done) => setTimeout(done, 100))) {
    const { code } = await request();
    if (code === expected || Date.now() > end) return assertEqual(what, code, expected);
  }
}

/** Makes a key for `use`, and revokes it after that. */
async function withKey(
  context: TestContext,
  rights: readonly string[],
  use: (key: TestUser, revoke: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const operator = context.requireOperator();
  const name = newName();
  const revoke = async () => {
    assertEqual(
      "status of DELETE /api-keys/{name}",
      (await ask(context, operator, "DELETE", `/api-keys/${name}`)).status,
      204,
    );
  };
  const made = await ask(context, operator, "POST", "/api-keys", { name, rights });
  assertEqual("status of POST /api-keys", made.status, 201);
  try {
    await use({ user: name, token: made.key ?? "" }, revoke);
  } finally {
    await revoke();
  }
}

function newName(): string {
  return `${CHECK_PREFIX}${randomBytes(9).toString("hex")}`;
}
