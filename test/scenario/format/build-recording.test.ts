import { describe, expect, test } from "bun:test";
import { beginRecording, entryOf, type RecorderEvent } from "../../../src/scenario/format/build-recording.ts";
import { writeRecording } from "../../../src/scenario/format/serialize.ts";

const AT = 1_795_437_965_000;

/** The recorder's lines for something that ann did, or that happened to her. */
function recorded(happening: Record<string, unknown>): unknown {
  return entryOf({ at: AT + 5, client: "ann", ...happening } as RecorderEvent, AT);
}

describe("the recorder", () => {
  test("keeps sent texts as a frame, or as raw text if encoding them again would change them", () => {
    const sent = (data: string | Uint8Array) => recorded({ type: "sent", data });
    const entry = { t: 5, client: "ann", dir: "out" };
    expect(sent('{"type":"ping"}')).toEqual({ ...entry, frame: { type: "ping" } });
    for (const raw of ["{", "[]", "7", '{"type": "ping"}', '{"type":"ping","type":"read"}', '{"seq":1e999}'])
      expect(sent(raw)).toEqual({ ...entry, raw });
    expect(sent(new Uint8Array([0, 255]))).toEqual({ ...entry, bytes: "AP8=" });
  });

  test("keeps received frames unchanged, even if they look like a matcher", () => {
    const data = '{"type":"message","seq":1,"data":{"query":{"$any":true}}}';
    expect(recorded({ type: "received", data })).toEqual({
      t: 5,
      client: "ann",
      dir: "in",
      frame: { type: "message", seq: 1, data: { query: { $eq: { $any: true } } } },
    });
  });

  test("records which side closed, if the code does not show it", () => {
    const closed = (code: number, byUs: boolean) => recorded({ type: "close", code, byUs, reason: "" });
    const entry = { t: 5, client: "ann", dir: "line", event: "close" };
    expect(closed(1000, true)).toEqual({ ...entry, code: 1000 });
    expect(closed(1000, false)).toEqual({ ...entry, code: 1000, by: "server" });
    expect(closed(4400, true)).toEqual({ ...entry, code: 4400, by: "us" });
    expect(closed(4400, false)).toEqual({ ...entry, code: 4400 });
  });

  test("A4 a recording contains no token, from any source", () => {
    const token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyMSJ9.c2lnbmF0dXJl";
    const sent = [
      `{"type":"token","token":"${token}"}`,
      `{"type":"token", "token":"${token}"}`,
      `?token=${token}`,
    ];
    const entries = sent.map((data) => entryOf({ at: AT, client: "ann", type: "sent", data }, AT));
    const opaque = entryOf(
      { at: AT, client: "ann", type: "sent", data: '{"type":"token","token":"secret"}' },
      AT,
    );
    const text = writeRecording({ ...beginRecording(AT, "here"), entries: [...entries, opaque] });
    expect(text).not.toContain("eyJ");
    expect(text).not.toContain("secret");
    expect(text.match(/…/g)).toHaveLength(4);
  });
});
