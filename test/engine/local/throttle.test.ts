import { LocalThrottle } from "../../../src/engine/local/throttle.ts";
import { throttleContract } from "../../contracts/throttle.ts";

throttleContract("one node", async (clock, limits) => ({
  throttle: new LocalThrottle(limits, clock),
  async [Symbol.asyncDispose]() {},
}));
