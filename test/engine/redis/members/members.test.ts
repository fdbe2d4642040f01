import { memberContract } from "../../../contracts/members.ts";
import { memberSubject } from "../support/member-subject.ts";
import { KINDS, useRealRedis } from "../support/real-redis.ts";

for (const kind of KINDS) memberContract(`redis, ${kind}`, memberSubject(useRealRedis(kind)));
