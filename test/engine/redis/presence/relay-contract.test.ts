import { relayContract } from "../../../contracts/relay.ts";
import { ManualClock } from "../../../support/time/manual-clock.ts";
import { freshPrefix, KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { TestRelayNode } from "../support/test-relay-node.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);
  relayContract(`redis, ${kind}`, 3, async () => {
    const [prefix, clock, stack] = [freshPrefix(), new ManualClock(), new AsyncDisposableStack()];
    const nodes: TestRelayNode[] = [];
    for (let i = 0; i < 3; i++) nodes.push(stack.use(await TestRelayNode.open(redis, prefix, clock)));
    return {
      relays: nodes.map(({ relay }) => relay),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  });
}
