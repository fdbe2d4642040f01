import { revocationContract } from "../../../contracts/revocations.ts";
import { KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { openSubject } from "../support/test-shared-ports.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);
  revocationContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("revocations", redis, clock);
    return { revocations: subject, ...rest };
  });
}
