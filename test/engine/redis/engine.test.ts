import { engineContract } from "../../contracts/engine.ts";
import { KINDS, useRealRedis } from "./support/real-redis.ts";
import { contractSubject } from "./support/test-node.ts";

for (const kind of KINDS) engineContract(`redis, ${kind}`, contractSubject(useRealRedis(kind)));
