import { accountContract } from "../../contracts/accounts.ts";
import { KINDS, useRealRedis } from "./real-redis.ts";
import { openSubject } from "./shared-subject.ts";

for (const kind of KINDS) {
  const redis = useRealRedis(kind);
  accountContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("accounts", redis, clock);
    return { accounts: subject, ...rest };
  });
}
