// The webhook port (src/core/ports/feed/webhooks.ts) in executable form. A store's own test file opens it and calls this.
import { describe, expect, test } from "bun:test";
import type { WebhookStore } from "../../../src/core/ports/feed/webhooks.ts";
import { pauseWebhook, replayWebhook, resumeWebhook } from "../../../src/core/webhooks/operate.ts";
import { MAX_WEBHOOKS, type StoredWebhook } from "../../../src/core/webhooks/webhook.ts";
import { ManualClock } from "../../support/time/manual-clock.ts";

/** A store on data of its own, made for one test. */
export interface OpenedWebhooks {
  readonly webhooks: WebhookStore;
  /** Opens the same data a second time, as another process does; `close` closes it with the rest. */
  openOther(): Promise<WebhookStore>;
  /** Closes all, and opens another store on the same data. */
  reopen(): Promise<WebhookStore>;
  /** Advances the store's time, and resolves when due work is done; without it, `clock` alone is its time. */
  pass?(milliseconds: number): Promise<void>;
  /** Closes all and deletes the data. */
  close(): Promise<void>;
}

function webhookOf(id: string, fields: Partial<StoredWebhook> = {}): StoredWebhook {
  return {
    id,
    url: "https://hooks.example/{x} 7",
    secrets: [{ secret: "whsec_one" }],
    createdAt: 7,
    status: { state: "active" },
    revision: 1,
    progress: { course: 0, position: "p0", retries: [] },
    ...fields,
  };
}

/** Every MUST of the webhook port. */
export function webhookContract(name: string, open: (clock: ManualClock) => Promise<OpenedWebhooks>): void {
  async function begin() {
    const clock = new ManualClock(Date.now());
    const opened = await open(clock);
    const pass = async (milliseconds: number) => {
      if (opened.pass === undefined) clock.advance(milliseconds);
      else await opened.pass(milliseconds);
      await new Promise(setImmediate);
    };
    return { ...opened, pass, [Symbol.asyncDispose]: opened.close };
  }

  describe(`webhook contract: ${name}`, () => {
    test("EV2 webhooks are kept as they were added, by id, one for each, and removed ones are gone", async () => {
      await using store = await begin();
      const { webhooks } = store;
      expect(await webhooks.list()).toEqual([]);
      const full = webhookOf("b", {
        types: [],
        conversations: ["team-*"],
        by: "ops",
        secrets: [{ secret: "whsec_two" }, { secret: "whsec_one", until: 9 }],
        status: { state: "paused", reason: "failing", at: 3 },
        progress: {
          course: 4,
          position: "p9",
          since: 5,
          retries: [{ event: "e1", attempts: 2, since: 1, nextAt: 8, throttled: true }],
          waitingSince: 4,
          lastSuccess: { at: 6, event: "e0" },
          lastFailure: { at: 7, event: "e1", reason: "status 500" },
        },
      });
      for (const each of [full, webhookOf("a"), webhookOf("B")])
        expect(await webhooks.add(each)).toBe("added");
      expect(await webhooks.add(webhookOf("a", { createdAt: 8 }))).toBe("taken");
      const other = await store.openOther();
      for (const each of [webhooks, other]) {
        expect((await each.list()).map(({ id }) => id)).toEqual(["B", "a", "b"]);
        expect(await each.find("b")).toEqual(full);
        expect(await each.find("c")).toBeUndefined();
      }
      expect(await other.remove("c")).toBe(false);
      expect(await other.remove("a")).toBe(true);
      expect(await webhooks.remove("a")).toBe(false);
      const reopened = await store.reopen();
      expect(await reopened.list()).toEqual([webhookOf("B"), full]);
      for (let i = 2; i < MAX_WEBHOOKS; i++) await reopened.add(webhookOf(`hook-${i}`));
      expect(await reopened.add(webhookOf("one-more"))).toBe("full");
      expect(await reopened.add(webhookOf("b"))).toBe("taken");
    });

    test("EV2 of two operators one changes a webhook; the sender's progress stays, except where a new course begins", async () => {
      await using store = await begin();
      const { webhooks } = store;
      await webhooks.add(webhookOf("a"));
      const stored = (await webhooks.find("a"))!;
      const failed = { event: "e6", attempts: 4, since: 4, nextAt: 99_000 };
      const moved = { course: 0, position: "p5", retries: [failed], waitingSince: 3 };
      expect(await webhooks.advance("a", 1, moved)).toBe("written");
      const paused = pauseWebhook(stored, 9)!;
      expect(await webhooks.change(paused)).toBe(true);
      expect(await webhooks.change(paused)).toBe(false);
      expect(await webhooks.find("a")).toEqual({ ...paused.webhook, progress: moved });
      // Twice: the second one is active, and its event waits for the schedule again.
      for (const now of [10, 20]) {
        expect(await webhooks.change(resumeWebhook((await webhooks.find("a"))!, now)!)).toBe(true);
        const due = { event: "e6", attempts: 0, since: now, nextAt: now };
        expect((await webhooks.find("a"))!.progress).toEqual({ ...moved, course: now / 10, retries: [due] });
      }
      expect(await webhooks.change({ webhook: { ...stored, id: "b", revision: 2 } })).toBe(false);
    });

    test("EV2 the progress is written by the newest sender only, and not over a new course or after a removal", async () => {
      await using store = await begin();
      const { webhooks } = store;
      await webhooks.add(webhookOf("a"));
      const at = (position: string, course = 0) => ({ course, position, retries: [] });
      expect(await webhooks.advance("a", 9, at("p1"))).toBe("written");
      expect(await webhooks.advance("a", 10, at("p2"))).toBe("written");
      const other = await store.openOther();
      expect(await other.advance("a", 9, at("p3"))).toBe("fenced");
      expect((await webhooks.find("a"))!.progress.position).toBe("p2");
      await other.change(replayWebhook((await other.find("a"))!, { after: "p0" }));
      expect(await webhooks.advance("a", 10, at("p4"))).toBe("superseded");
      expect(await webhooks.advance("a", 9, at("p4", 1))).toBe("fenced");
      expect(await webhooks.advance("a", 10, at("p4", 1))).toBe("written");
      await other.remove("a");
      expect(await webhooks.advance("a", 10, at("p5", 1))).toBe("superseded");
      expect(await webhooks.find("a")).toBeUndefined();
      // Another webhook of that name begins with its own senders.
      await other.add(webhookOf("a"));
      expect(await webhooks.advance("a", 1, at("p6"))).toBe("written");
    });

    test("EV2 own changes are reported at once, others' within a second, progress never; a listener that fails is called again", async () => {
      await using store = await begin();
      const { webhooks } = store;
      await webhooks.add(webhookOf("before"));
      const seen: string[] = [];
      let fails = 0;
      const stop = webhooks.watch(async () => {
        if (fails-- > 0) throw new Error("broken");
        seen.push((await webhooks.list()).map(({ id, status }) => `${id} ${status.state}`).join());
      });
      await webhooks.add(webhookOf("own"));
      expect(seen).toEqual(["before active,own active"]);
      const other = await store.openOther();
      await other.remove("before");
      await store.pass(1_000);
      await other.change(pauseWebhook((await other.find("own"))!, 1)!);
      fails = 1;
      await store.pass(1_000);
      await store.pass(1_000);
      expect(seen).toEqual(["before active,own active", "own active", "own paused"]);
      await webhooks.advance("own", 1, { course: 0, position: "p1", retries: [] });
      await store.pass(1_000);
      expect(seen).toHaveLength(3);
      stop();
      await webhooks.remove("own");
      expect(seen).toHaveLength(3);
    });
  });
}
