import type { Check } from "../check.ts";
import type { TestContext } from "../context.ts";
import { send, withGroup } from "../groups.ts";
import { assert, assertEqual } from "../verdicts.ts";

/** Rules MB1–MB6: members, roles, mutes, bans and removal. */
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
  {
    rule: "MB2",
    what: "a conversation that a user was removed from is closed on the socket of the user, and stays closed until the user is back",
    run: closesOne,
  },
  { rule: "MB3", what: "a muted user may read, and gets `muted` with `until` for a message", run: mutes },
  { rule: "MB4", what: "a member may not act on others, and the last owner stays", run: protectsOwner },
  {
    rule: "MB5",
    what: "to add a user costs one request, and no user adds another who has left",
    run: boundsAdding,
  },
  {
    rule: "MB6",
    what: "a removed conversation ends with 4404 or `closed`, and does not come back for its old epoch",
    run: staysRemoved,
  },
];

/** A name as the server makes them, that it has not made. */
const UNKNOWN = `_${"a".repeat(25)}`;

const seconds = 60;

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

async function closesOne(context: TestContext): Promise<void> {
  await withGroup(context, async (conversation) => {
    const { ann, bob } = context;
    const path = `/conversations/${conversation}/members/${bob.user}`;
    const socket = context.open(`/ws/${bob.user}?token=${bob.token}`);
    await socket.next("welcome");
    const open = { type: "open", conversations: [{ conversation }] };
    socket.send(open);
    await socket.next("opened");
    assertEqual("status of the removal", (await send(context, "DELETE", path, ann)).status, 204);
    const closed = await socket.next("closed");
    assertEqual("`closed`", [closed.conversation, closed.code], [conversation, "forbidden"]);
    socket.send(open);
    const refusal = await socket.next("error");
    assertEqual(
      "the reply to `open` of a removed user",
      [refusal.conversation, refusal.code],
      [conversation, "forbidden"],
    );
    assertEqual("status of adding again", (await send(context, "PUT", path, ann, {})).status, 200);
    socket.send(open);
    await socket.next("opened");
    assertEqual("the close of the socket", socket.close, undefined);
  });
}

async function boundsAdding(context: TestContext): Promise<void> {
  await withGroup(context, async (conversation) => {
    const { ann, bob } = context;
    const path = (user: string) => `/conversations/${conversation}/members/${user}`;
    const left = async () => {
      const { quota } = (await (await context.fetch("/me", { as: ann })).json()) as {
        quota?: { remaining: number } | null;
      };
      return quota?.remaining;
    };
    const before = await left();
    const added = await send(context, "PUT", path(`${bob.user}-2`), ann, {});
    assertEqual("status of adding a user", added.status, 200);
    // Requests of an hour ago may fall out of the count meanwhile.
    const after = await left();
    if (before !== undefined && after !== undefined)
      assert(after < before, `\`remaining\` was ${before} before a user was added, and ${after} afterwards.`);
    assertEqual("status of leaving", (await send(context, "DELETE", path(bob.user), bob)).status, 204);
    const again = await send(context, "PUT", path(bob.user), ann, {});
    assertEqual("adding a user who has left", [again.status, again.body.code], [403, "forbidden"]);
  });
}

async function staysRemoved(context: TestContext): Promise<void> {
  await withGroup(context, async (conversation) => {
    const { ann, bob } = context;
    const { socket: sole, welcome } = await context.join(bob, conversation);
    const user = context.open(`/ws/${bob.user}?token=${bob.token}`);
    await user.next("welcome");
    user.send({ type: "open", conversations: [{ conversation }] });
    await user.next("opened");
    const removed = await send(context, "DELETE", `/conversations/${conversation}`, ann);
    assertEqual("status of the removal", removed.status, 204);
    assertEqual("the error before the close", (await sole.next("error")).code, "removed");
    assertEqual("the close of a socket of the conversation", (await sole.closed()).code, 4404);
    const closed = await user.next("closed");
    assertEqual(
      "`closed` on the socket of a user",
      [closed.conversation, closed.code],
      [conversation, "removed"],
    );
    const query = { after: 0, epoch: welcome.epoch ?? "" };
    const { code } = await context.open(context.path(bob, conversation, query)).closed();
    // An unknown name with `_` is `forbidden` for every user (MB1).
    assert(
      code === 4404 || code === 4403,
      `The close of a client that comes back: expected 4404 or 4403, got ${code}.`,
    );
    const again = context.open(context.path(bob, conversation));
    assertEqual("the close of a client without an epoch", (await again.closed()).code, 4403);
  });
}
