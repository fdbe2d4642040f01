import { changesContract } from "../../../contracts/changes.ts";
import { memberSubject } from "../support/member-subject.ts";
import { KINDS, useRealRedis } from "../support/real-redis.ts";

for (const kind of KINDS) changesContract(`redis, ${kind}`, memberSubject(useRealRedis(kind)));
