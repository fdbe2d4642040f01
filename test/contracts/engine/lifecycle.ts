import { expect, test } from "bun:test";
import { messageContent } from "../../support/entries.ts";
import { type OpenEngine, Subject } from "./subject.ts";

/** Readiness and closing: requests that were begun are finished, and a closed engine refuses new ones. */
export function lifecycleContract(open: OpenEngine): void {
  test("L1 an engine is ready until it is closed, and reports its state", async () => {
    await using subject = await Subject.open(open);
    expect(subject.engine.ready()).toBe(true);
    expect(subject.engine.description).not.toBe("");
    await subject.store("1");
    expect(subject.engine.ready()).toBe(true);
    await subject.engine.close();
    expect(subject.engine.ready()).toBe(false);
  });

  test("L1 D2 closing finishes pending requests: every `done` is called once, with a true result", async () => {
    await using subject = await Subject.open(open);
    const answers: string[] = [];
    for (const id of ["1", "2", "3"])
      subject.engine.post(
        { conversation: "room", user: "anna", id, ...messageContent(id), limit: 0 },
        ({ outcome }) => answers.push(`${id} ${outcome}`),
      );
    subject.engine.history({ conversation: "room", user: "anna", limit: 0, count: 9 }, ({ outcome }) =>
      answers.push(outcome),
    );
    await subject.engine.close();
    expect(answers).toEqual(["1 stored", "2 stored", "3 stored", "read"]);
    await subject.reopen();
    expect((await subject.read()).messages.map(({ id }) => id)).toEqual(["1", "2", "3"]);
    expect(answers).toHaveLength(4);
  });

  test("L1 after closing, requests fail with `unavailable`, once each, and leave no trace", async () => {
    await using subject = await Subject.open(open);
    const { received } = await subject.subscribe();
    await subject.engine.close();
    const answers: string[] = [];
    subject.engine.post(
      { conversation: "room", user: "anna", id: "1", ...messageContent(""), limit: 5 },
      ({ outcome }) => answers.push(outcome),
    );
    subject.engine.history({ conversation: "room", user: "anna", limit: 5, count: 9 }, ({ outcome }) =>
      answers.push(outcome),
    );
    await subject.engine.close();
    await subject.reopen();
    expect(answers).toEqual(["unavailable", "unavailable"]);
    expect(received).toHaveLength(0);
    expect((await subject.read()).messages).toHaveLength(0);
    expect(await subject.engine.quota("anna", 5)).toMatchObject({ remaining: 5 });
  });

  test("L1 a request made by a `done` while the engine closes gets a result too", async () => {
    await using subject = await Subject.open(open);
    const answers: string[] = [];
    subject.engine.post(
      { conversation: "room", user: "anna", id: "1", ...messageContent(""), limit: 0 },
      (first) => {
        answers.push(first.outcome);
        subject.engine.post(
          { conversation: "room", user: "anna", id: "2", ...messageContent(""), limit: 0 },
          (second) => answers.push(second.outcome),
        );
      },
    );
    await subject.engine.close();
    await subject.reopen();
    expect(answers).toHaveLength(2);
    expect((await subject.read()).messages).toHaveLength(
      answers.filter((answer) => answer === "stored").length,
    );
  });

  test("L1 D3 a message that failed with `unavailable` can be sent again without being doubled", async () => {
    await using subject = await Subject.open(open);
    await subject.engine.close();
    expect((await subject.post("1")).outcome).toBe("unavailable");
    await subject.reopen();
    expect(await subject.store("1")).toMatchObject({ seq: 1 });
    expect(await subject.post("1")).toMatchObject({ outcome: "duplicate", seq: 1 });
  });
}
