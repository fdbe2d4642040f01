import { feedContract } from "../../../contracts/feed/contract.ts";
import { feedSubject } from "../support/feed-subject.ts";
import { KINDS, useRealRedis } from "../support/real-redis.ts";

for (const kind of KINDS) feedContract(`redis, ${kind}`, feedSubject(useRealRedis(kind)));
