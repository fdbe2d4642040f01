import type { Streams } from "../../core/ports/conversation/streams.ts";

/** Streams on Redis: they cannot be kept there yet, so each start is refused, and no request finds an open stream. */
export class RedisStreams implements Streams {
  start: Streams["start"] = (_request, done) => done({ outcome: "unsupported" });
  append: Streams["append"] = (_request, done) => done({ outcome: "fenced" });
  end: Streams["end"] = (_request, done) => done({ outcome: "fenced" });
  cancel: Streams["cancel"] = async () => ({ outcome: "not_found" });
  renew: Streams["renew"] = async () => {};
  refuse: Streams["refuse"] = async () => {};
  drafts: Streams["drafts"] = async () => [];
  publish: Streams["publish"] = () => {};
  watch: Streams["watch"] = () => () => {};
}
