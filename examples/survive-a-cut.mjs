// Test a client: its connection is cut while it sends, and no message may be missing or arrive twice.
// Needs Node 22 (or 20 with --experimental-websocket) or Bun, and a server with fault injection:  TEST_FAULTS=true npm start
// PARLEY_TOKEN=$(npx parley token tester --plan premium) node survive-a-cut.mjs
import { connect } from "parley/client";

const { PARLEY_URL = "http://127.0.0.1:8000", PARLEY_TOKEN } = process.env;
if (!PARLEY_TOKEN) throw new Error("Set PARLEY_TOKEN.");
const COUNT = 20;

const parley = connect({ url: PARLEY_URL, token: PARLEY_TOKEN });
const conversation = parley.conversation(`cut-${crypto.randomUUID()}`);

/** Makes the server cut this client's connection without a close frame, as a network failure would. Waits until the client has reconnected. */
async function cut() {
  const { connection } = parley.welcome.getSnapshot();
  try {
    await parley.request("POST", "/test/faults", { connection, fault: { do: "cut" } });
  } catch (error) {
    throw new Error(`The server injects no faults (${error.code}): start it with TEST_FAULTS=true`);
  }
  await new Promise((done) => parley.welcome.subscribe((now) => now.connection !== connection && done()));
}

let cuts = 0;
parley.status.subscribe(({ state }) => state === "waiting" && cuts++);
const sent = Array.from({ length: COUNT }, (_, n) => `message ${n}`);
const received = [];
const reading = (async () => {
  for await (const { text } of conversation) {
    received.push(text);
    if (received.length === 5 || received.length === 10) await cut();
    if (received.length === COUNT) break;
  }
})();
await Promise.all(sent.map((text) => conversation.send(text)));
await reading;
await parley.close();

const isComplete = JSON.stringify(received) === JSON.stringify(sent);
console.log(`${isComplete ? "passed" : "FAILED"}: ${received.length} messages in order, ${cuts} cuts`);
process.exitCode = isComplete && cuts > 0 ? 0 : 1;
