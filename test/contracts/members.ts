// The port for facts and members of conversations (src/core/ports/conversation/members.ts) in executable form, next to the
// posts that are decided with it. A store's own test file opens both and calls this.
import { describe } from "bun:test";
import { accountRemovalContract } from "./members/account-removal.ts";
import { changesContract } from "./members/changes.ts";
import { listsContract } from "./members/lists.ts";
import { postsContract } from "./members/posts.ts";
import { standingsContract } from "./members/standings.ts";
import type { OpenMembers } from "./members/subject.ts";

/** Every MUST of the port for members. */
export function memberContract(name: string, open: OpenMembers): void {
  describe(`member contract: ${name}`, () => {
    standingsContract(open);
    postsContract(open);
    listsContract(open);
    changesContract(open);
    accountRemovalContract(open);
  });
}
