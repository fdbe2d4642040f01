import { mayReconnect } from "../../protocol/close-codes.ts";
import { MAX_DATA_DEPTH, MAX_FRAME_BYTES, MAX_HISTORY_LIMIT } from "../../protocol/limits.ts";
import type { Check } from "../check.ts";
import type { TestContext, TestUser } from "../context.ts";
import { assert, assertEqual, RuleSkipped } from "../verdicts.ts";

/** Frames to one connection after which it is not "one connection's flood" any more, but load. */
const FLOOD_FRAMES = 400;

/** What a server does with the frames themselves, good and bad. */
export const FRAME_CHECKS: readonly Check[] = [
  {
    rule: "F1",
    what: "a faulty frame is answered by `error`, an unknown field ignored, and the socket stays",
    run: answersInvalidFrames,
  },
  {
    rule: "F2",
    what: "`ping` is answered by `pong` with its `id`",
    run: async (world) => {
      const { line } = await world.join(world.ann, world.conversation());
      for (const frame of [{ type: "ping", id: "one" }, { type: "ping" }]) line.send(frame);
      assertEqual("id of the first pong", (await line.next("pong")).id, "one");
      assertEqual("id of the second pong", (await line.next("pong")).id, undefined);
    },
  },
  { rule: "F3", what: "`closing` comes just before each close, with the same code", run: announcesCloses },
  {
    rule: "M1",
    what: "a frame that is too long: `too_large`, 1009",
    run: async (world) => {
      const { line } = await world.join(world.ann, world.conversation());
      line.send({ type: "message", text: "x".repeat(MAX_FRAME_BYTES) });
      assertEqual("code of the error", (await line.next("error")).code, "too_large");
      assertEqual("close code", (await line.closed()).code, 1009);
    },
  },
  {
    rule: "M1",
    what: "a binary frame: 1003",
    run: async (world) => {
      const { line } = await world.join(world.ann, world.conversation());
      line.send(new Uint8Array([123, 125]));
      assertEqual("close code", (await line.closed()).code, 1003);
    },
  },
  { rule: "M2", what: "who floods is warned first, and closed with 4429", run: warnsBeforeFlooding },
];

async function answersInvalidFrames(world: TestContext): Promise<void> {
  const { line } = await world.join(world.ann, world.conversation());
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
    line.send(frame);
    const error = await line.next("error");
    assertEqual(`code for ${what}`, error.code, code);
    if (typeof frame !== "string" && "id" in frame) assertEqual(`id for ${what}`, error.id, "x");
  }
  line.send({ type: "ping", id: "later", later: { version: 9 } });
  await line.next("pong", ({ id }) => id === "later");
}

async function announcesCloses(world: TestContext): Promise<void> {
  const { line: long } = await world.join(world.ann, world.conversation());
  long.send({ type: "message", text: "x".repeat(MAX_FRAME_BYTES) });
  const stolen: TestUser = { user: world.bob.user, token: world.ann.token };
  const other = world.open(world.path(stolen, world.conversation()));
  for (const line of [long, other]) {
    const { code, reason } = await line.closed();
    const last = line.frames.at(-1);
    assert(
      last?.type === "closing",
      `The last frame before the close ${code} was ${last?.type ?? "none"}, not closing.`,
    );
    assertEqual("`closing.code`", last.code, code);
    assertEqual("`closing.reason`", last.reason, reason);
    assertEqual(`\`closing.reconnect\` with ${code}`, last.reconnect, mayReconnect(code));
  }
}

async function warnsBeforeFlooding(world: TestContext): Promise<void> {
  const { line } = await world.join(world.ann, world.conversation());
  for (let n = 0; n < FLOOD_FRAMES; n++) line.send({ type: "ping" });
  const ended = () => line.close !== undefined || line.of("pong").length === FLOOD_FRAMES;
  await line.until(ended, "end of the flood");
  if (line.close === undefined)
    throw new RuleSkipped(`the server takes ${FLOOD_FRAMES} frames at once (BURST_SIZE)`);
  assertEqual("close code", line.close.code, 4429);
  assert(
    line.of("warning").some(({ code }) => code === "flooding"),
    "It was closed for flooding without a `flooding` warning before.",
  );
}
