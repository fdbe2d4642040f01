// Let users of your own application in, without accounts: sign a token for one, and talk with it.
// Needs Node 20 or newer and the SECRET_KEY of the server:  SECRET_KEY=… node own-users.mjs alice "hello"
import { createHmac, randomUUID } from "node:crypto";

const { PARLEY_URL = "http://127.0.0.1:8000", SECRET_KEY } = process.env;
const [user = "alice", text = "hello"] = process.argv.slice(2);
if (!SECRET_KEY) throw new Error("SECRET_KEY is missing: take that of the server.");

/** A token that lets `user` write and read in `conversations`, with the limits of `plan`, for a minute. */
function tokenFor(user, plan, conversations) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const names = { iss: "parley", aud: "parley", sub: user, plan, conversations, jti: randomUUID() };
  const unsigned = `${encode({ alg: "HS256", typ: "at+jwt" })}.${encode({ ...names, iat: now, exp: now + 60 })}`;
  return `${unsigned}.${createHmac("sha256", SECRET_KEY).update(unsigned).digest("base64url")}`;
}

const answer = await fetch(`${PARLEY_URL}/conversations/lobby/messages`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${tokenFor(user, "basic", ["lobby"])}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({ text }),
});
const { seq, quota, code, detail } = await answer.json();
if (!answer.ok) throw new Error(`${code}: ${detail}`);
console.log(
  `${user} said ${JSON.stringify(text)}, stored as ${seq}; ${quota.remaining} of ${quota.limit} requests left`,
);
