import { streamsContract } from "../../../contracts/streams.ts";
import { KINDS, useRealRedis } from "../support/real-redis.ts";
import { contractSubject } from "../support/test-node.ts";

for (const kind of KINDS) streamsContract(`redis, ${kind}`, contractSubject(useRealRedis(kind)));
