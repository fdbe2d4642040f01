// Parley's client library in the jitter case; the protocol with the driver: driver.ts.
import { connect } from "../../src/client/index.ts";
import type { DriverCommand, DriverEvent, DriverJob } from "./driver.ts";

const { sender, receivers, count, tokens = [] }: DriverJob = JSON.parse(process.argv[2] ?? "");

const report = (message: DriverEvent) => process.send?.(message);

// Without its own brake: the rate is the case's.
const sending = connect({ url: sender, token: tokens[count] ?? "", limits: { sendRate: 0 } }).conversation(
  "room",
);
sending.on("message", () => {});
sending.status.subscribe(({ state }) => state === "live" && report({ up: -1 }));
process.on("message", (message: DriverCommand) => {
  if ("stop" in message) process.exit(0);
  // A refusal ends the program, and with it the case.
  void sending.send(message.send);
});

for (let receiver = 0; receiver < count; receiver++) {
  const conversation = connect({ url: receivers, token: tokens[receiver] ?? "" }).conversation("room");
  conversation.status.subscribe(({ state }) => state === "live" && report({ up: receiver }));
  conversation.on("message", ({ text }) => report({ received: receiver, text }));
}
