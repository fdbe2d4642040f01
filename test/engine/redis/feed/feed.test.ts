import { feedContract } from "../../../contracts/feed/contract.ts";
import { feedSubject } from "../support/feed-subject.ts";
import { KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";

for (const kind of KINDS_OF_COMMON_CODE) feedContract(`redis, ${kind}`, feedSubject(useRealRedis(kind)));
