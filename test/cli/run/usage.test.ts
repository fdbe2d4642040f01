// `parley run` as a process: wrong files and wrong arguments.
import { describe, expect, test } from "bun:test";
import { ParleyFolder } from "../parley-folder.ts";

describe("a usage error ends with 2", () => {
  test("malformed files: each error is reported with its line, and nothing is sent", async () => {
    await using folder = new ParleyFolder();
    folder.write(
      "bad.jsonl",
      '{"parley":"scenario","version":1,"clients":[{"name":"a","user":"u","conversation":"c"}]}\n{\n\n{"client":"a","dir":"out","raw":""}',
    );
    folder.write("other.jsonl", '{"dog":{}}');
    const ended = await folder.run(["run", "bad.jsonl", "other.jsonl", "--url", "http://127.0.0.1:1"]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr.trim().split("\n")).toEqual([
      "error: bad.jsonl:2: is not JSON; each line must be one JSON object.",
      expect.stringMatching(/^error: other\.jsonl:1: is not the header of a recording; it must be like \{/),
    ]);
    folder.write(
      "plan.jsonl",
      '{"parley":"scenario","version":1,"clients":[{"name":"a","user":"u","conversation":"c"}]}\n\n{"client":"a","dir":"out","raw":""}',
    );
    const planned = await folder.run(["run", "plan.jsonl"]);
    expect(planned.code).toBe(2);
    expect(planned.stderr).toStartWith("error: plan.jsonl:3: a has no open connection here;");
  });

  test("a missing file, an unknown client or conversation, a time that is not a number", async () => {
    await using folder = new ParleyFolder();
    folder.write(
      "good.jsonl",
      '{"parley":"scenario","version":1,"clients":[{"name":"a","user":"u","conversation":"c"}]}',
    );
    const calls: [string[], string][] = [
      [[], "missing required argument"],
      [["nowhere.jsonl"], 'The file "nowhere.jsonl" cannot be read (ENOENT).'],
      [["good.jsonl", "--user", "b=alice"], "the file has no client b; it has a"],
      [["good.jsonl", "--user", "a b"], "is not a valid user name"],
      [["good.jsonl", "--conversation", "x=y"], "The file has no conversation x; it has c"],
      [["good.jsonl", "--timeout", "soon"], "argument 'soon' is invalid. It must be a"],
      [["good.jsonl", "--url", "here"], "is not the URL of a server"],
      [["good.jsonl", "--fast"], "unknown option '--fast'"],
    ];
    const ended = await Promise.all(calls.map(([args]) => folder.run(["run", ...args])));
    for (const [at, [, why]] of calls.entries()) {
      expect(ended[at]!.stderr).toContain(why);
      expect(ended[at]).toMatchObject({ code: 2, stdout: "" });
    }
  });
});
