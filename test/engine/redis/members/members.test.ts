import { memberContract } from "../../../contracts/members.ts";
import { memberSubject } from "../support/member-subject.ts";
import { KINDS_OF_COMMON_CODE, useRealRedis } from "../support/real-redis.ts";

for (const kind of KINDS_OF_COMMON_CODE) memberContract(`redis, ${kind}`, memberSubject(useRealRedis(kind)));
