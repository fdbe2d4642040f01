import { expect, test } from "bun:test";
import type { FeedPosition } from "../../../src/core/ports/feed/feed.ts";
import type { StoredWebhook } from "../../../src/core/webhooks/webhook.ts";
import { readFeedLags } from "../../../src/server/feed/read-lags.ts";

/** The lags of webhooks at some positions and of the maker of `message.unread`, where the event after `old` is 10 s old. */
async function readAt(positions: readonly FeedPosition[], bookmark?: FeedPosition) {
  const now = 1_000_000;
  const reads: FeedPosition[] = [];
  const webhooks = positions.map(
    (position, index) =>
      ({
        id: `w${index}`,
        status: { state: "active" },
        progress: { position, retries: [] },
      }) as unknown as StoredWebhook,
  );
  const lags = await readFeedLags({
    webhooks: { list: async () => webhooks },
    clock: { wall: () => now },
    unreadAfter: 4_000,
    feed: {
      bookmark: async () => bookmark,
      wanted: () => new Set(bookmark === undefined ? [] : (["message.unread"] as const)),
      read: async (position) => {
        reads.push(position);
        const events = position === "old" ? [{ at: now - 10_000 } as never] : [];
        return { events, position, more: false };
      },
    },
  });
  return { ...lags, webhooks: lags.webhooks.map(({ lag }) => lag), reads };
}

test("EV2 the feed is read once for each place, and `message.unread` is late beyond UNREAD_AFTER only", async () => {
  expect(await readAt(["new", "new", "old", "old"])).toEqual({
    webhooks: [0, 0, 10, 10],
    reads: ["new", "old"],
  });
  expect(await readAt([], "old")).toEqual({ webhooks: [], unread: { lag: 6 }, reads: ["old"] });
  expect(await readAt([], "new")).toEqual({ webhooks: [], unread: { lag: 0 }, reads: ["new"] });
});
