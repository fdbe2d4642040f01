import type { Streams } from "../../core/ports/conversation/streams.ts";

/** Streams on Redis: they cannot be kept there yet, so each request about one is refused as `unavailable`. */
export class RedisStreams implements Streams {
  start: Streams["start"] = (_request, done) => done({ outcome: "unavailable" });
  append: Streams["append"] = (_request, done) => done({ outcome: "unavailable" });
  end: Streams["end"] = (_request, done) => done({ outcome: "unavailable" });
  cancel: Streams["cancel"] = async () => ({ outcome: "unavailable" });
  renew: Streams["renew"] = async () => {};
  refuse: Streams["refuse"] = async () => {};
  drafts: Streams["drafts"] = async () => [];
  publish: Streams["publish"] = () => {};
  watch: Streams["watch"] = () => () => {};
}
