import { describe, expect, test } from "bun:test";
import { cellWidth } from "../../../src/cli/terminal/cells.ts";
import { plainText, renderPage, renderReport } from "../../../src/cli/top/render.ts";
import { keysIn, openTop, stepTop, type TopState } from "../../../src/cli/top/state.ts";
import type { ActivityAnswer, NodeActivity } from "../../../src/core/activity/node-activity.ts";

const NOW = new Date(2026, 0, 2, 12, 30, 5).getTime();

const NODE: NodeActivity = {
  ...{ node: "web-1-3fa2b1", url: "http://10.0.0.5:8000", version: "0.1.0", engine: "redis" },
  ...{ at: NOW, uptime: 7_300, window: 9.5, connections: { live: 1_200, opening: 3 } },
  ...{ open_conversations: 88, open_streams: 2, event_readers: 1 },
  per_second: { messages: 1_234, delivered: 45_210 },
  ack: { p50: 0.0012, p99: 0.008, max: 0.02 },
  loop_delay: { p50: 0.0002, p99: 0.002, max: 0.01 },
  ...{ memory_bytes: 128 * 1024 * 1024, cpu: 0.42, store: { up: true, lag: 0.0004 } },
  ...{ unsent_bytes: 1_258_291, slow_reader_count: 1 },
  busiest_conversations: [
    { conversation: "lobby", messages: 900, connections: 400 },
    { conversation: "team-1", messages: 100.4, connections: 3 },
  ],
  busiest_users: [{ user: "anna", messages: 700 }],
  slow_readers: [
    {
      ...{ connection: "k3x9", user: "ben", conversation: "lobby" },
      ...{ unsent_bytes: 1_200_000, since: NOW - 65_000 },
    },
  ],
};

const OTHER: NodeActivity = {
  ...NODE,
  ...{ node: "web-2-9c01aa", per_second: { messages: 0.4, delivered: 0 }, store: { up: false } },
  ...{ ack: { p50: 0.5, p99: 1.25, max: 2 }, slow_reader_count: 0, slow_readers: [], unsent_bytes: 0 },
  busiest_conversations: [{ conversation: "lobby", messages: 100, connections: 20 }],
  busiest_users: [],
};

const ANSWER: ActivityAnswer = {
  at: NOW,
  nodes: [NODE, OTHER],
  silent: ["web-3-77d0ee"],
  feed: {
    webhooks: [
      { id: "crm", state: "active", lag: 0, retries: 0 },
      { id: "billing", state: "active", lag: 400, retries: 3, failure: "it answered 500" },
    ],
  },
};

function shown(
  answer: ActivityAnswer,
  keys: readonly string[] = [],
  source = "Redis at 10.0.0.9:6379",
): TopState {
  let state = stepTop(openTop(source), { type: "answer", answer });
  for (const key of keys) state = stepTop(state, { type: "key", key });
  return state;
}

const page = (state: TopState, columns = 80, rows = 24) =>
  renderPage(state, { columns, rows }, NOW).map(plainText);

describe("the page of parley top", () => {
  test("has all nodes together, and each of them, on 80 columns", () => {
    let state = shown(ANSWER);
    const half = { ...NODE, per_second: { messages: 617, delivered: 0 } };
    state = stepTop(state, { type: "answer", answer: { ...ANSWER, nodes: [half] } });
    state = stepTop(state, { type: "answer", answer: ANSWER });
    expect(page(state)).toEqual([
      "parley top  Redis at 10.0.0.9:6379                                      12:30:05",
      "Messages   1234/s  █▅█  45.2k/s delivered",
      "Acks       p50 500 ms  p99 1.25 s  max 2.00 s  event loop p99 2.00 ms",
      "Clients    2400 live  176 conversations  6 opening  4 streams",
      "Store      down at 1 of 2  1.2 MiB unsent  1 slow  webhooks 6 min behind",
      "",
      "[Nodes]  Conversations   Users   Slow readers   Feed",
      "NODE▾             CONNS  MSG/S DELIV/S  ACK P50  ACK P99 LOOP P99   CPU   MEMORY",
      "web-1-3fa2b1       1203   1234   45.2k  1.20 ms  8.00 ms  2.00 ms  42 %  128 MiB",
      "web-2-9c01aa       1203    0.4       0   500 ms   1.25 s  2.00 ms  42 %  128 MiB",
      "web-3-77d0ee          –      –       –        –        –        –     –        –",
      ...Array(12).fill(""),
      "q quit  h help  tab table  p pause  s sort  ↑↓ rows",
    ]);
  });

  test("has the same on 40 columns and few rows, with what matters most", () => {
    expect(page(shown(ANSWER), 40, 12)).toEqual([
      "parley top  Redis at 10.0.0.9…  12:30:05",
      "Messages   1234/s  █  45.2k/s delivered",
      "Acks       p50 500 ms  p99 1.25 s",
      "Clients    2400 live  176 conversations",
      "Store      down at 1 of 2",
      "",
      "[Nodes] 1 of 5",
      "NODE▾              CONNS  MSG/S  ACK P99",
      "web-1-3fa2b1        1203   1234  8.00 ms",
      "web-2-9c01aa        1203    0.4   1.25 s",
      "web-3-77d0ee           –      –        –",
      "q quit  h help  tab table  p pause",
    ]);
    expect(page(shown(ANSWER, ["s", "s", "s", "s"]), 40, 12)[6]).toBe("[Nodes] 1 of 5  by ACK P50");
  });

  test("fits terminals of any size, and never has more rows or columns than they", () => {
    for (const keys of [[], ["tab"], ["tab", "tab", "tab"], ["left"], ["h"]])
      for (const [columns, rows] of [
        [1, 1],
        [10, 3],
        [20, 7],
        [40, 9],
        [200, 60],
      ] as const) {
        const lines = renderPage(shown(ANSWER, keys), { columns, rows }, NOW);
        expect(lines.length).toBe(rows);
        for (const line of lines)
          expect(cellWidth(line.map(({ text }) => text).join(""))).toBeLessThanOrEqual(columns);
      }
  });

  test("shows the table that is chosen, sorted by the column that is chosen", () => {
    const table = (keys: readonly string[]) => page(shown(ANSWER, keys)).slice(6, 11);
    expect(table(["tab"])).toEqual([
      " Nodes  [Conversations]  Users   Slow readers   Feed",
      "CONVERSATION                                                MSG/S▾  SHARE  CONNS",
      "lobby                                                         1000   91 %    420",
      "team-1                                                         100    9 %      3",
      "",
    ]);
    expect(table(["right", "s", "s", "s"]).slice(1, 3)).toEqual([
      "CONVERSATION▾                                                MSG/S  SHARE  CONNS",
      "lobby                                                         1000   91 %    420",
    ]);
    expect(table(["left"]).slice(1, 4)).toEqual([
      "WEBHOOK                               STATE BEHIND▾ RETRIES              FAILURE",
      "billing                             failing   6 min       3      it answered 500",
      "crm                                  active       –       0                    –",
    ]);
    expect(table(["tab", "tab", "tab"]).slice(1, 3)).toEqual([
      "USER               CONVERSATION  UNSENT▾   SINCE CONNECTION                 NODE",
      "ben                       lobby  1.1 MiB    65 s       k3x9         web-1-3fa2b1",
    ]);
  });

  test("moves through rows that do not fit, and says how many are below", () => {
    const nodes = Array.from({ length: 20 }, (_, index) => ({
      ...NODE,
      node: `node-${String(index).padStart(2, "0")}`,
    }));
    const names = (keys: readonly string[]) =>
      page(shown({ ...ANSWER, nodes, silent: [] }, keys), 80, 14)
        .slice(8, 13)
        .map((line) => line.slice(0, 16).trim());
    expect(names([])).toEqual(["node-00", "node-01", "node-02", "node-03", "16 more below"]);
    expect(names(["down", "down"])).toEqual(["node-02", "node-03", "node-04", "node-05", "14 more below"]);
    expect(names(["pagedown", "pagedown", "down"])).toEqual([
      "node-15",
      "node-16",
      "node-17",
      "node-18",
      "node-19",
    ]);
  });

  test("pauses, helps, and says since when no server answers, with the last numbers", () => {
    const paused = shown(ANSWER, ["p"]);
    const later = stepTop(paused, { type: "answer", answer: { ...ANSWER, nodes: [OTHER] } });
    expect(page(later)).toEqual(page(paused));
    expect(page(paused)[0]).toStartWith("parley top  paused  Redis at");
    expect(page(stepTop(paused, { type: "key", key: " " }))[0]).not.toContain("paused");
    expect(page(shown(ANSWER, ["h"]))).toContain("q, Ctrl+C       quit");

    let away = stepTop(shown(ANSWER), {
      type: "failed",
      reason: "connect \x1b[31mECONNREFUSED",
      now: NOW - 9_000,
    });
    away = stepTop(away, { type: "failed", reason: "away", now: NOW });
    expect(page(away)[0]).toStartWith("parley top  not reachable since 12:29:56: away  Redis");
    expect(page(away)).toContain("Messages   1234/s  █  45.2k/s delivered");
    expect(page(stepTop(away, { type: "answer", answer: ANSWER }))[0]).not.toContain("not reachable");
    expect(page(openTop("x"))[0]).toStartWith("parley top  waiting for the first numbers …  x");
  });

  test("escapes what others wrote, and cuts wide characters by the cells that they take", () => {
    const hostile = "\x1b]0;owned\x07\u202e名前名前名前名前名前名前名前👩‍👩‍👧\r\n";
    const node: NodeActivity = {
      ...NODE,
      ...{ node: hostile, version: hostile },
      busiest_conversations: [{ conversation: hostile, messages: 1, connections: 1 }],
      busiest_users: [{ user: hostile, messages: 1 }],
      slow_readers: [
        { connection: hostile, user: hostile, conversation: hostile, unsent_bytes: 1, since: NOW },
      ],
    };
    const webhooks = [{ id: hostile, state: "active" as const, lag: 1, retries: 0, failure: hostile }];
    const state = stepTop(
      shown({ ...ANSWER, nodes: [node], silent: [hostile], feed: { webhooks } }, [], hostile),
      {
        ...{ type: "failed", reason: hostile, now: NOW },
      },
    );
    for (const columns of [30, 61, 200]) {
      const lines = renderReport(state, columns, NOW);
      for (const line of lines) {
        const text = line.map((piece) => piece.text).join("");
        expect(text).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
        expect(cellWidth(text)).toBeLessThanOrEqual(columns);
      }
    }
    const [first] = page(
      shown({ ...ANSWER, nodes: [{ ...NODE, node: "名前".repeat(20) }], silent: [] }),
      60,
    ).slice(8);
    expect(first).toStartWith("名前名前名前…  ");
  });

  test("prints all tables once", () => {
    const lines = renderReport(shown(ANSWER), 80, NOW).map(plainText);
    expect(lines.filter((line) => /^[A-Z]\w+( \w+)?$/.test(line))).toEqual([
      ...["Nodes", "Conversations", "Users", "Slow readers", "Feed"],
    ]);
    expect(lines.join("\n")).not.toContain("quit");
  });
});

test("keys are read from what a terminal sends, and other sequences are left out", () => {
  expect(keysIn("q\t\x1b[Z\x1b[A\x1bOB\x1b[6~\x1b[1;5C\x1b[<0;3;4MH\x03")).toEqual([
    ...["q", "tab", "shift-tab", "up", "down", "pagedown", "h", "interrupt"],
  ]);
  expect(keysIn("\x1b")).toEqual([]);
});
