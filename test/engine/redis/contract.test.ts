import { engineContract } from "../../contracts/engine.ts";
import { contractSubject } from "./engine-subject.ts";
import { useRealRedis } from "./real-redis.ts";

engineContract("redis", contractSubject(useRealRedis("standalone")));
