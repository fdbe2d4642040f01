import { expect, test } from "bun:test";
import { planResume } from "../../src/core/resume.ts";

const HEAD = { seq: 10, first: 1, epoch: "e1" };

test("D4 who comes back is sent what it missed", () => {
  expect(planResume({ after: 7, epoch: "e1" }, HEAD)).toEqual({ resumed: true, from: 7, lost: undefined });
  expect(planResume({ after: 0, epoch: undefined }, HEAD)).toEqual({
    resumed: true,
    from: 0,
    lost: undefined,
  });
  expect(planResume({ after: 10, epoch: "e1" }, HEAD)).toEqual({ resumed: true, from: 10, lost: undefined });
});

test("D4 who comes for the first time is sent what is said from now on", () => {
  expect(planResume(undefined, HEAD)).toEqual({ resumed: false, from: 10, lost: undefined });
});

test("D5 what is no longer kept is told, and the rest is sent", () => {
  const head = { ...HEAD, first: 6 };
  expect(planResume({ after: 2, epoch: "e1" }, head)).toEqual({ resumed: true, from: 5, lost: [3, 5] });
  expect(planResume({ after: 5, epoch: "e1" }, head)).toEqual({ resumed: true, from: 5, lost: undefined });
  expect(planResume({ after: 2, epoch: "e1" }, { ...HEAD, first: 11 })).toEqual({
    resumed: true,
    from: 10,
    lost: [3, 10],
  });
});

test("D5 another epoch, or a seq that was never given, is not resumed", () => {
  const not = { resumed: false, from: 10, lost: undefined };
  expect(planResume({ after: 7, epoch: "e0" }, HEAD)).toEqual(not);
  expect(planResume({ after: 11, epoch: "e1" }, HEAD)).toEqual(not);
});
