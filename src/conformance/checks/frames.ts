import { mayReconnect } from "../../protocol/close-codes.ts";
import { MAX_DATA_DEPTH, MAX_FRAME_BYTES, MAX_HISTORY_LIMIT } from "../../protocol/limits.ts";
import type { Check } from "../check.ts";
import type { TestContext, TestUser } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Most frames that the flood check sends: more would be a load test. */
const FLOOD_FRAMES = 400;

/** Rules F1–F3 and M1–M2: valid, invalid, too long and too many frames. */
export const FRAME_CHECKS: readonly Check[] = [
  {
    rule: "F1",
    what: "an invalid frame is answered with `error`, an unknown field is ignored, and the socket stays open",
    run: answersInvalidFrames,
  },
  {
    rule: "F2",
    what: "`ping` is answered with `pong` and its `id`",
    run: async (context) => {
      const { socket } = await context.join(context.ann, context.conversation());
      for (const frame of [{ type: "ping", id: "one" }, { type: "ping" }]) socket.send(frame);
      assertEqual("id of the first pong", (await socket.next("pong")).id, "one");
      assertEqual("id of the second pong", (await socket.next("pong")).id, undefined);
    },
  },
  { rule: "F3", what: "`closing` is sent just before each close, with the same code", run: announcesCloses },
  {
    rule: "M1",
    what: "a frame that is too long: `too_large`, 1009",
    run: async (context) => {
      const { socket } = await context.join(context.ann, context.conversation());
      socket.send({ type: "message", text: "x".repeat(MAX_FRAME_BYTES) });
      assertEqual("code of the error", (await socket.next("error")).code, "too_large");
      assertEqual("close code", (await socket.closed()).code, 1009);
    },
  },
  {
    rule: "M1",
    what: "a binary frame: 1003",
    run: async (context) => {
      const { socket } = await context.join(context.ann, context.conversation());
      socket.send(new Uint8Array([123, 125]));
      assertEqual("close code", (await socket.closed()).code, 1003);
    },
  },
  {
    rule: "M2",
    what: "a client that floods is warned first, then closed with 4429",
    run: warnsBeforeFlooding,
  },
];

async function answersInvalidFrames(context: TestContext): Promise<void> {
  const { socket } = await context.join(context.ann, context.conversation());
  let deep: object = {};
  for (let depth = 0; depth < MAX_DATA_DEPTH + 1; depth++) deep = { deep };
  const cases: [string, string, string | object][] = [
    ["text that is not JSON", "malformed", "{"],
    ["a JSON list", "malformed", "[]"],
    ["an object without `type`", "malformed", { text: "hello" }],
    ["an unknown type", "unknown_type", { type: "conformance", id: "x" }],
    ["a message without text and data", "invalid", { type: "message", id: "x" }],
    ["a message with an empty text and no data", "invalid", { type: "message", id: "x", text: "" }],
    ["a message whose data is no object", "invalid", { type: "message", id: "x", text: "a", data: [] }],
    ["a limit over the largest", "invalid", { type: "history", id: "x", limit: MAX_HISTORY_LIMIT + 1 }],
    ["`before` and `after` together", "invalid", { type: "history", id: "x", before: 9, after: 1 }],
    ["data that is too deep", "too_large", { type: "message", id: "x", text: "a", data: deep }],
  ];
  for (const [what, code, frame] of cases) {
    socket.send(frame);
    const error = await socket.next("error");
    assertEqual(`code for ${what}`, error.code, code);
    if (typeof frame !== "string" && "id" in frame) assertEqual(`id for ${what}`, error.id, "x");
  }
  socket.send({ type: "ping", id: "later", later: { version: 9 } });
  await socket.next("pong", ({ id }) => id === "later");
}

async function announcesCloses(context: TestContext): Promise<void> {
  const { socket: long } = await context.join(context.ann, context.conversation());
  long.send({ type: "message", text: "x".repeat(MAX_FRAME_BYTES) });
  const stolen: TestUser = { user: context.bob.user, token: context.ann.token };
  const other = context.open(context.path(stolen, context.conversation()));
  for (const socket of [long, other]) {
    const { code, reason } = await socket.closed();
    const last = socket.frames.at(-1);
    assert(
      last?.type === "closing",
      `The last frame before the close ${code} was ${last?.type ?? "none"}, not closing.`,
    );
    assertEqual("`closing.code`", last.code, code);
    assertEqual("`closing.reason`", last.reason, reason);
    assertEqual(`\`closing.reconnect\` with ${code}`, last.reconnect, mayReconnect(code));
  }
}

async function warnsBeforeFlooding(context: TestContext): Promise<void> {
  const { socket } = await context.join(context.ann, context.conversation());
  for (let n = 0; n < FLOOD_FRAMES; n++) socket.send({ type: "ping" });
  const hasEnded = () => socket.close !== undefined || socket.of("pong").length === FLOOD_FRAMES;
  await socket.until(hasEnded, "end of the flood");
  if (socket.close === undefined)
    throw new RuleSkipped(`the server accepts ${FLOOD_FRAMES} frames at once (BURST_SIZE)`);
  assertEqual("close code", socket.close.code, 4429);
  assert(
    socket.of("warning").some(({ code }) => code === "flooding"),
    "The server closed the connection for flooding without a `flooding` warning before.",
  );
}
