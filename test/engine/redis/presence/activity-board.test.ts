import {
  RedisActivityBoard,
  readSharedActivity,
} from "../../../../src/engine/redis/presence/activity-board.ts";
import { activityBoardContract } from "../../../contracts/nodes/activity-board.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);
  activityBoardContract(`redis, ${kind}`, async () => {
    const prefix = freshPrefix();
    const [node, command] = [await redis.connect(prefix), await redis.connect(prefix)];
    const clock = new ManualClock();
    return {
      ...{ clock, board: new RedisActivityBoard(node, clock) },
      watch: () => readSharedActivity(command),
      forgetWatcher: async () =>
        void (await command.commands.del(command.keys.globalKey("activity-watched"))),
      async [Symbol.asyncDispose]() {
        await node.close();
        await command.close();
      },
    };
  });
}
