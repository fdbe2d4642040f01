import { revocationContract } from "../../contracts/revocations.ts";
import { KINDS, useRealRedis } from "./real-redis.ts";
import { openSubject } from "./shared-subject.ts";

for (const kind of KINDS) {
  const redis = useRealRedis(kind);
  revocationContract(`redis, ${kind}`, async (clock) => {
    const { subject, ...rest } = await openSubject("revocations", redis, clock);
    return { revocations: subject, ...rest };
  });
}
