import { engineContract } from "../../contracts/engine.ts";
import { KINDS_OF_COMMON_CODE, useRealRedis } from "./support/real-redis.ts";
import { contractSubject } from "./support/test-node.ts";

for (const kind of KINDS_OF_COMMON_CODE)
  engineContract(`redis, ${kind}`, contractSubject(useRealRedis(kind)));
