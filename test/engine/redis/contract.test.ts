import { engineContract } from "../../contracts/engine.ts";
import { contractSubject } from "./engine-subject.ts";
import { KINDS, useRealRedis } from "./real-redis.ts";

for (const kind of KINDS) engineContract(`redis, ${kind}`, contractSubject(useRealRedis(kind)));
