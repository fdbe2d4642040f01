// A node that is killed when it is about to run a script, for killed-node.test.ts:
//   member-writer.ts <url> <prefix> add|remove|post <script> <the how manieth run of it>
import { isSameScript } from "../support/interrupted-scripts.ts";
import { connectTo } from "../support/real-redis.ts";
import { TestMemberNode } from "../support/test-member-node.ts";

const [, , url = "", prefix = "", action = "", name = "", run = ""] = process.argv;
const client = await connectTo(url, prefix);
const { members, node } = await TestMemberNode.open(client);

let left = Number(run);
const { run: runScript } = client;
client.run = async (script, ...rest) => {
  if (isSameScript(script, name) && --left === 0) process.kill(process.pid, "SIGKILL");
  return runScript.call(client, script, ...rest);
};

const { revision } = await members.read("room", []);
const news = [{ type: "member", user: "bob", change: "banned", at: 1 }] as const;
if (action === "add")
  await members.change("room", revision, { standings: [{ user: "bob", role: "member" }], news });
if (action === "remove")
  await members.change("room", revision, {
    standings: [{ user: "bob", role: null, banned: { by: "ann", at: 1 } }],
    news,
  });
if (action === "post")
  await node.post("1", { user: "bob", limit: 10, joins: { members: 100, conversations: 100 } });
process.exit(0);
