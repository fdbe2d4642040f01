import { accountContract } from "../../../contracts/accounts.ts";
import { KINDS, useRealRedis } from "../support/real-redis.ts";
import { openSubject } from "../support/test-shared-ports.ts";

for (const kind of KINDS) {
  const redis = useRealRedis(kind);
  accountContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("accounts", redis, clock);
    return { accounts: subject, ...rest };
  });
}
