import { expect, test } from "bun:test";
import { parseRecording } from "../../../src/scenario/format/parse.ts";
import { planRun } from "../../../src/scenario/run/plan.ts";
import { ack, CLIENTS, close, open, out, post, received } from "./scripted-run.ts";

test("a step that cannot be planned is reported with its line", () => {
  const header = JSON.stringify({ parley: "scenario", version: 1, clients: CLIENTS });
  const lines = [
    out("ann", post("m1")),
    open("ann"),
    open("ann"),
    close("ann", 1000),
    received("ann", ack("m1", 1)),
  ];
  const { recording } = parseRecording([header, ...lines.map((line) => JSON.stringify(line))].join("\n"));
  expect(planRun(recording!).problems.map(({ line, message }) => `${line} ${message.split(";")[0]}`)).toEqual(
    [
      "2 ann has no open connection here",
      "4 ann opens a connection while its last one is still open",
      "6 ann has no open connection here",
    ],
  );
});
