import { LocalLeases } from "../../../src/engine/local/leases.ts";
import { leaseContract } from "../../contracts/leases.ts";

leaseContract("one node", async () => ({ leases: new LocalLeases(), async [Symbol.asyncDispose]() {} }));
