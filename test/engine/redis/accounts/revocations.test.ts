import { revocationContract } from "../../../contracts/revocations.ts";
import { KINDS, useRealRedis } from "../support/real-redis.ts";
import { openSubject } from "../support/test-shared-ports.ts";

for (const kind of KINDS) {
  const redis = useRealRedis(kind);
  revocationContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("revocations", redis, clock);
    return { revocations: subject, ...rest };
  });
}
