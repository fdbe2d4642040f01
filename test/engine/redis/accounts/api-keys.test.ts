import { apiKeyContract } from "../../../contracts/api-keys.ts";
import { KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { openSubject } from "../support/test-shared-ports.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);
  apiKeyContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("apiKeys", redis, clock);
    return { apiKeys: subject, ...rest };
  });
}
