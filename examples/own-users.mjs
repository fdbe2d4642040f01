// Let users of your own application connect without accounts: sign a token, and send a message with it.
// Needs Node 20 or newer and the SECRET_KEY of the server:  SECRET_KEY=… node own-users.mjs alice "hello"
import { createHmac, randomUUID } from "node:crypto";

const { PARLEY_URL = "http://127.0.0.1:8000", SECRET_KEY } = process.env;
const [user = "alice", text = "hello"] = process.argv.slice(2);
if (!SECRET_KEY) throw new Error("SECRET_KEY is missing: set it to the server's.");

/** Returns a token with which `user` may read and write in `conversations` for a minute, with the limits of `plan`. */
function tokenFor(user, plan, conversations) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: "parley", aud: "parley", sub: user, plan, conversations, jti: randomUUID() };
  const unsigned = `${encode({ alg: "HS256", typ: "at+jwt" })}.${encode({ ...claims, iat: now, exp: now + 60 })}`;
  return `${unsigned}.${createHmac("sha256", SECRET_KEY).update(unsigned).digest("base64url")}`;
}

const response = await fetch(`${PARLEY_URL}/conversations/lobby/messages`, {
  method: "POST",
  headers: {
    Authorization: `Bearer ${tokenFor(user, "basic", ["lobby"])}`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify({ text }),
});
const { seq, quota, code, detail } = await response.json();
if (!response.ok) throw new Error(`${code}: ${detail}`);
console.log(
  `${user} sent ${JSON.stringify(text)}, stored as ${seq}; ${quota.remaining} of ${quota.limit} requests left`,
);
