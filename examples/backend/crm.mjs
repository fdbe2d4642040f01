// A CRM that misses nothing: each message of all conversations, once, in a file of JSON lines, over kill -9.
// Needs Node 20 or newer, and an API key with the right `read`:  PARLEY_API_KEY=pk_… node crm.mjs crm.jsonl
import { appendFileSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const { PARLEY_URL = "http://127.0.0.1:8000", PARLEY_API_KEY } = process.env;
if (!PARLEY_API_KEY) throw new Error("Set PARLEY_API_KEY.");
const address = `${PARLEY_URL}/events?wait=30&limit=500&types=message.created,message.edited,message.erased`;

/** Returns what happened after a position; nothing while Parley is away, or asks to come back later. */
async function read(after) {
  let pause = 1;
  try {
    const headers = { Authorization: `Bearer ${PARLEY_API_KEY}` };
    const answer = await fetch(`${address}&after=${after}`, { headers, signal: AbortSignal.timeout(60_000) });
    if (answer.ok) return await answer.json();
    console.error(await answer.text());
    if (answer.status < 500 && answer.status !== 429) process.exit(1);
    pause = Number(answer.headers.get("Retry-After")) || 1;
  } catch (error) {
    console.error(error.message);
  }
  await sleep(pause * 1000);
}

// A line has events and the position after them: neither is there without the other. What a crash cut off is read again.
const file = openSync(process.argv[2] ?? "crm.jsonl", "a+");
const { size } = fstatSync(file);
const tail = Buffer.alloc(Math.min(size, 2 ** 24)); // longer than any line
readSync(file, tail, 0, tail.length, size - tail.length);
const end = tail.lastIndexOf("\n") + 1;
ftruncateSync(file, size - tail.length + end);
const last = tail.toString("utf8", tail.lastIndexOf("\n", end - 2) + 1, end) || '{"position":"0"}';
for (let { position } = JSON.parse(last); ; fsyncSync(file)) {
  const page = await read(position);
  if (page?.events[0]?.type === "events.lost") console.error("Read the history of the conversations:", page);
  if ((page?.position ?? position) !== position) appendFileSync(file, `${JSON.stringify(page)}\n`);
  position = page?.position ?? position;
}
