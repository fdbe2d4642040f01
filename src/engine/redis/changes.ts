import type { Changes } from "../../core/ports/conversation/changes.ts";

/** Changes on Redis: they cannot be kept there yet, so each is refused, and no message was ever changed. */
export class RedisChanges implements Changes {
  change: Changes["change"] = (_request, done) => done({ outcome: "unsupported" });
  rev: Changes["rev"] = async () => 0;
  missed: Changes["missed"] = async () => ({ changed: [], tooMany: false });
  mine: Changes["mine"] = async () => new Map();
  watch: Changes["watch"] = () => () => {};
}
