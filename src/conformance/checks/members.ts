import type { Check } from "../check.ts";
import type { TestContext, TestUser } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Rules MB1–MB4: members, roles, mutes and bans. */
export const MEMBER_CHECKS: readonly Check[] = [
  {
    rule: "MB1",
    what: "a user who does not belong to a conversation of `members` sees nothing of it, nor that it exists",
    run: hides,
  },
  {
    rule: "MB2",
    what: "after the answer to a ban nothing of that user is stored, and its socket is closed",
    run: bans,
  },
  { rule: "MB3", what: "a muted user may read, and gets `muted` with `until` for a message", run: mutes },
  { rule: "MB4", what: "a member may not act on others, and the last owner stays", run: protectsOwner },
];

/** A name as the server makes them, that it has not made. */
const UNKNOWN = `_${"a".repeat(25)}`;

const seconds = 60;

/** Makes a conversation of ann and bob whose name the server gives, and removes it after `use`. */
async function withGroup(context: TestContext, use: (conversation: string) => Promise<void>): Promise<void> {
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

interface Answer {
  readonly status: number;
  readonly body: {
    conversation?: string;
    code?: string;
    until?: number;
    retry_after?: number;
    detail?: string;
  };
}

async function send(
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

async function hides(context: TestContext): Promise<void> {
  await withGroup(context, async (conversation) => {
    const { ann, bob } = context;
    assertEqual(
      "status of leaving",
      (await send(context, "DELETE", `/conversations/${conversation}/members/${bob.user}`, bob)).status,
      204,
    );
    for (const path of ["", "/messages", "/presence", "/members"]) {
      const answers = await Promise.all(
        [conversation, UNKNOWN].map((name) => send(context, "GET", `/conversations/${name}${path}`, bob)),
      );
      const [real, unknown] = answers.map(({ status, body }, at) => [
        status,
        body.code,
        body.detail?.replaceAll([conversation, UNKNOWN][at]!, "…"),
      ]);
      assertEqual(`GET …${path} of a stranger`, real?.slice(0, 2), [403, "forbidden"]);
      assertEqual(`GET …${path} of a stranger, beside an unknown name`, real, unknown);
    }
    const socket = context.open(context.path(bob, conversation));
    assertEqual("the close of a stranger's socket", (await socket.closed()).code, 4403);
    assertEqual("frames of the conversation to a stranger", socket.of("welcome").length, 0);
    assertEqual(
      "its owner's view",
      (await send(context, "GET", `/conversations/${conversation}`, ann)).status,
      200,
    );
  });
}

async function bans(context: TestContext): Promise<void> {
  await withGroup(context, async (conversation) => {
    const { ann, bob } = context;
    const { socket } = await context.join(bob, conversation);
    await context.sendMessage(socket, "before");
    const banned = await send(context, "PUT", `/conversations/${conversation}/bans/${bob.user}`, ann, {});
    assertEqual("status of the ban", banned.status, 200);
    const post = await send(context, "POST", `/conversations/${conversation}/messages`, bob, {
      text: "after",
    });
    assertEqual("status of a message after the ban", post.status, 403);
    assertEqual("the close of the banned user's socket", (await socket.closed()).code, 4403);
    const { socket: owner } = await context.join(ann, conversation, { last: 10 });
    assertEqual(
      "the stored texts",
      (await owner.next("history")).messages.map(({ text }) => text),
      ["before"],
    );
  });
}

async function mutes(context: TestContext): Promise<void> {
  await withGroup(context, async (conversation) => {
    const { ann, bob } = context;
    const { socket } = await context.join(bob, conversation);
    const muted = await send(context, "PUT", `/conversations/${conversation}/mutes/${bob.user}`, ann, {
      seconds,
    });
    assertEqual("status of the mute", muted.status, 200);
    const until = muted.body.until ?? 0;
    socket.send({ type: "message", id: "muted", text: "not stored" });
    const refusal = await socket.next("error");
    assertEqual(
      "code, id, until and retry_after",
      [refusal.code, refusal.id, refusal.until, refusal.retry_after],
      ["muted", "muted", until, undefined],
    );
    const lifted = await send(context, "DELETE", `/conversations/${conversation}/mutes/${bob.user}`, ann);
    assertEqual("status of lifting the mute", lifted.status, 204);
    await context.sendMessage(socket, "stored");
  });
}

async function protectsOwner(context: TestContext): Promise<void> {
  await withGroup(context, async (conversation) => {
    const { ann, bob } = context;
    const ban = await send(context, "PUT", `/conversations/${conversation}/bans/${ann.user}`, bob, {});
    assertEqual("a ban of the owner by a member", [ban.status, ban.body.code], [403, "forbidden"]);
    const leave = await send(context, "DELETE", `/conversations/${conversation}/members/${ann.user}`, ann);
    assertEqual("the last owner leaves", [leave.status, leave.body.code], [409, "conflict"]);
    const facts = await send(context, "GET", `/conversations/${conversation}`, bob);
    assert(facts.status === 200, `A member's GET of the conversation returned ${facts.status}.`);
  });
}
