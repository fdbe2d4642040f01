import { signingKeyContract } from "../../../contracts/signing-keys.ts";
import { KINDS, useRealRedis } from "../support/real-redis.ts";
import { openSubject } from "../support/test-shared-ports.ts";

for (const kind of KINDS) {
  const redis = useRealRedis(kind);
  signingKeyContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("signingKeys", redis, clock);
    return { signingKeys: subject, ...rest };
  });
}
