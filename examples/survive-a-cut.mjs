// Test a client: its line is cut while it talks, and nothing may be missing or come twice.
// Needs Node 22 (or 20 with --experimental-websocket) or Bun, and a server that makes faults when asked:  TEST_FAULTS=true npm start
// PARLEY_TOKEN=$(npx parley token tester --plan premium) node survive-a-cut.mjs
import { connect } from "parley/client";

const { PARLEY_URL = "http://127.0.0.1:8000", PARLEY_TOKEN } = process.env;
const COUNT = 20;

const parley = connect({ url: PARLEY_URL, token: PARLEY_TOKEN });
const conversation = parley.conversation(`cut-${crypto.randomUUID()}`);

/** Has the server cut the line of this client, as a network would: without a word. Waits until it is back. */
async function cut() {
  const back = new Promise((done) => {
    const stop = conversation.on("status", ({ state }) => {
      if (state !== "live") return;
      stop();
      done();
    });
  });
  const answer = await fetch(`${PARLEY_URL}/test/faults`, {
    method: "POST",
    headers: { Authorization: `Bearer ${PARLEY_TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify({ connection: conversation.welcome.connection, fault: { do: "cut" } }),
  });
  if (!answer.ok)
    throw new Error(`There are no faults here (${answer.status}): start the server with TEST_FAULTS=true`);
  await back;
}

let cuts = 0;
conversation.on("status", ({ state }) => state === "waiting" && cuts++);
const said = Array.from({ length: COUNT }, (_, n) => `message ${n}`);
const sending = Promise.all(said.map((text) => conversation.send(text)));

const heard = [];
for await (const { text } of conversation) {
  heard.push(text);
  if (heard.length === 5 || heard.length === 10) await cut();
  if (heard.length === COUNT) break;
}
await sending;
await parley.close();

const isWhole = JSON.stringify(heard) === JSON.stringify(said);
console.log(`${isWhole ? "passed" : "FAILED"}: ${heard.length} messages in order, ${cuts} cuts`);
process.exitCode = isWhole && cuts > 0 ? 0 : 1;
