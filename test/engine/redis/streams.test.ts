import { expect, test } from "bun:test";
import { startReply } from "../../../src/core/streams/replies.ts";
import { RedisStreams } from "../../../src/engine/redis/streams.ts";

test("ST2 on Redis a stream is refused for good, so that no client tries again for ever", () => {
  new RedisStreams().start({ conversation: "lobby", user: "anna", id: "a1", limit: 0 }, (result) => {
    expect(startReply("lobby", "a1", result)).toEqual({
      frame: {
        type: "error",
        code: "forbidden",
        message: "This server keeps no streams: its store is Redis. Send a message.",
        id: "a1",
      },
      quota: undefined,
    });
  });
});
