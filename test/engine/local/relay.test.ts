import { LOCAL_RELAY } from "../../../src/engine/local/relay.ts";
import { relayContract } from "../../contracts/relay.ts";

relayContract("one node", 1, async () => ({ relays: [LOCAL_RELAY], async [Symbol.asyncDispose]() {} }));
