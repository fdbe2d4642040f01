import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { PROTOCOL_HISTORY, PROTOCOL_REVISION, PROTOCOL_VERSION } from "../../src/protocol/version.ts";
import { breaks, currentWire, pathOf, type Wire } from "./wire.ts";

const ADVICE = `The wire is not what PROTOCOL_HISTORY says. In src/protocol/version.ts, if all that changed is an addition (an
optional field, a frame, a code): PROTOCOL_REVISION + 1. If a client written for the old wire would break:
PROTOCOL_VERSION + 1, and PROTOCOL_REVISION 0. Add an entry to PROTOCOL_HISTORY that says what is new, then:
npm run wire. docs/PROTOCOL.md, "Versions", says what counts as an addition.`;

const states = PROTOCOL_HISTORY.map((state) => ({ ...state, name: `${state.version}.${state.revision}` }));
const newest = states.at(-1)!;

function kept(state: (typeof states)[number]): Wire {
  return JSON.parse(readFileSync(pathOf(state), "utf8"));
}

describe("the wire and its version", () => {
  test("the newest entry of the history is the version", () => {
    expect([newest.version, newest.revision]).toEqual([PROTOCOL_VERSION, PROTOCOL_REVISION]);
  });

  test("each entry of the history follows the one before, and its schemas are kept", () => {
    for (const [at, { name, version, revision, change }] of states.entries()) {
      const before = states[at - 1] ?? { version: 1, revision: -1 };
      const follows =
        version === before.version
          ? revision === before.revision + 1
          : version === before.version + 1 && revision === 0;
      expect([name, follows, change !== ""]).toEqual([name, true, true]);
      expect([name, existsSync(pathOf(states[at]!))]).toEqual([name, true]);
    }
  });

  test("the wire changes with an entry in the history only", () => {
    const same = existsSync(pathOf(newest)) && Bun.deepEquals(kept(newest), currentWire());
    if (!same) throw new Error(ADVICE);
  });

  test("a revision only adds; what breaks a client is a version", () => {
    for (const [at, state] of states.entries()) {
      const before = states[at - 1];
      if (before === undefined || before.version !== state.version) continue;
      expect([state.name, ...breaks(kept(before), kept(state))]).toEqual([state.name]);
    }
  });
});

describe("what breaks a client", () => {
  /** The wire as it is, with `value` put at `path`: `a.b.+` is a further item of a list, undefined takes away. */
  function changed(path: string, value: unknown): Wire {
    const wire = structuredClone(currentWire());
    const names = path.split(".");
    const last = names.pop()!;
    let place: Record<string, unknown> = wire as never;
    for (const name of names) place = place[name] as never;
    if (last === "+") (place as never as unknown[]).push(value);
    else if (value === undefined && Array.isArray(place)) place.splice(Number(last), 1);
    else if (value === undefined) delete place[last];
    else place[last] = value;
    return wire;
  }

  test.each<[string, string, unknown]>([
    ["an optional field for clients", "client.ping.properties.note", {}],
    ["a field for readers", "server.pong.properties.at", {}],
    ["a field that readers always have", "server.pong.required.+", "id"],
    ["a field that clients may leave out now", "client.message.required.1", undefined],
    ["an error code", "errors.+", "teapot"],
    ["a warning's code", "server.warning.properties.code.enum.+", "teapot"],
    ["a frame", "server.teapot", {}],
    ["a larger bound", "limits.MAX_FRAME_BYTES", 2 ** 20],
  ])("an addition: %s", (_name, path, value) => {
    expect(breaks(currentWire(), changed(path, value))).toEqual([]);
  });

  test.each<[string, string, unknown, string]>([
    ["a field that a client must send", "client.message.required.+", "id", "client `message`.required"],
    ["a field that a reader had", "server.ack.properties.at", undefined, "server `ack`.at"],
    ["a field that may be missing now", "server.ack.required.0", undefined, "server `ack`.required"],
    ["another type", "server.ack.properties.seq.type", "string", "server `ack`.seq.type"],
    ["a stricter pattern", "client.ping.properties.id.pattern", "^x$", "client `ping`.id.pattern"],
    [
      "a bound that was not there",
      "client.message.properties.text.maxLength",
      9,
      "client `message`.text.maxLength",
    ],
    ["an error code gone", "errors.0", undefined, "malformed"],
    ["a frame gone", "server.pong", undefined, "server `pong`"],
    ["a smaller bound", "limits.MAX_FRAME_BYTES", 9, "MAX_FRAME_BYTES"],
  ])("a break: %s", (_name, path, value, what) => {
    expect(breaks(currentWire(), changed(path, value))).toEqual([what]);
  });
});
