// A conversation of `members` for one check, and the HTTP verbs by which checks manage it.
import type { TestContext, TestUser } from "./context.ts";
import { assertEqual, RuleSkipped } from "./verdicts.ts";

/** Makes a conversation of ann and bob whose name the server gives, and removes it after `use`. */
export async function withGroup(
  context: TestContext,
  use: (conversation: string) => Promise<void>,
): Promise<void> {
  const { ann, bob } = context;
  const made = await send(context, "POST", "/conversations", ann, {
    access: "members",
    members: [{ user: bob.user }],
  });
  if (made.status === 403) throw new RuleSkipped("users may not make conversations (CONVERSATION_CREATE)");
  assertEqual("status of POST /conversations", made.status, 201);
  const conversation = made.body.conversation ?? "";
  try {
    await use(conversation);
  } finally {
    await send(context, "DELETE", `/conversations/${conversation}`, ann);
  }
}

export interface Answer {
  readonly status: number;
  readonly body: {
    conversation?: string;
    code?: string;
    until?: number;
    retry_after?: number;
    detail?: string;
  };
}

export async function send(
  context: TestContext,
  method: string,
  path: string,
  as: TestUser,
  body?: object,
): Promise<Answer> {
  const response = await context.fetch(path, {
    method,
    as,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}
