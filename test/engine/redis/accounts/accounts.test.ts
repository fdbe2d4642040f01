import { accountContract } from "../../../contracts/accounts.ts";
import { KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";
import { openSubject } from "../support/test-shared-ports.ts";

for (const kind of KINDS_OF_COMMON_CODE) {
  const redis = useRealRedis(kind);
  accountContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("accounts", redis, clock);
    return { accounts: subject, ...rest };
  });
}
