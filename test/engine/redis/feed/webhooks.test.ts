import { webhookContract } from "../../../contracts/feed/webhooks.ts";
import { KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { openSubject } from "../support/test-shared-ports.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);
  webhookContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("webhooks", redis, clock);
    return { webhooks: subject, ...rest };
  });
}
