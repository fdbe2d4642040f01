import { type Check, must, mustBe } from "./check.ts";

/** The same server over HTTP. */
export const HTTP_CHECKS: readonly Check[] = [
  {
    rule: "H1",
    what: "POST /token refuses as OAuth 2 has it",
    run: async (world) => {
      const wrong = await world.fetch("/token", {
        method: "POST",
        body: new URLSearchParams({ username: world.conversation(), password: "conformance" }),
      });
      mustBe("status for a user that is not there", wrong.status, 401);
      mustBe("`error`", ((await wrong.json()) as { error?: string }).error, "invalid_grant");
      const missing = await world.fetch("/token", { method: "POST", body: new URLSearchParams() });
      mustBe("status without fields", missing.status, 422);
    },
  },
  {
    rule: "H2",
    what: "faults are problem details with a `code`",
    run: async (world) => {
      const answer = await world.fetch("/me");
      mustBe("status of GET /me without a token", answer.status, 401);
      const type = answer.headers.get("content-type") ?? "";
      must(type.startsWith("application/problem+json"), `The content type is ${type || "missing"}.`);
      mustBe("`code`", ((await answer.json()) as { code?: string }).code, "unauthorized");
    },
  },
];
