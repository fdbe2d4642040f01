import { describe, expect, test } from "bun:test";
import type { Event, Session, State } from "../../../src/console/client/state.ts";
import { initialState, step } from "../../../src/console/client/step.ts";
import { ack, ended, message, open, quota, run, T0 } from "./client-events.ts";

describe("every state handles every kind of event", () => {
  // A new state, or a new event, does not compile until its cells are decided here.
  type Type = Event["type"];
  const table: Record<Session["state"], Record<Type, Session["state"]>> = {
    signed_out: row("signed_out", { signed_in: "signed_in" }),
    signed_in: row("signed_in", { connect: "open" }),
    open: row("open", { status: "closed", leave: "signed_in" }),
    closed: row("closed", { connect: "open", leave: "signed_in" }),
  };
  const refusal = { code: "invalid", message: "Bad." };
  const events: { readonly [T in Type]: Extract<Event, { type: T }> } = {
    sign_in_began: { type: "sign_in_began" },
    signed_in: { type: "signed_in", user: "user1" },
    sign_in_refused: { type: "sign_in_refused", problem: "No." },
    sign_out: { type: "sign_out" },
    choose: { type: "choose", conversation: "lobby" },
    connect: { type: "connect" },
    leave: { type: "leave" },
    send: { type: "send", id: "m", text: "x", at: T0 },
    resend: { type: "resend", id: "m", at: T0 },
    cancel_send: { type: "cancel_send", id: "m" },
    load_before: { type: "load_before", seq: 5, limit: 50 },
    write: { type: "write", active: true },
    seen: { type: "seen", seq: 1 },
    stay: { type: "stay" },
    measure: { type: "measure" },
    dismiss: { type: "dismiss", code: "invalid" },
    status: ended(4408) as Extract<Event, { type: "status" }>,
    present: { type: "present", present: [] },
    typing: { type: "typing", user: "user2", active: true },
    message: { type: "message", message: message(1, "user2", "a") },
    lost: { type: "lost", lost: { first: 1, last: 2 }, newest: 2 },
    quota: quota({}) as Extract<Event, { type: "quota" }>,
    warning: { type: "warning", warning: { code: "flooding", message: "Slow." }, at: T0 },
    complaint: { type: "complaint", refusal },
    acked: ack("m", 1) as Extract<Event, { type: "acked" }>,
    refused: { type: "refused", id: "m", refusal },
    page: { type: "page", messages: [], more: false },
    page_refused: { type: "page_refused", refusal },
    measured: { type: "measured", roundTrip: 3 },
  };
  const states: Record<Session["state"], State> = {
    signed_out: initialState("lobby"),
    signed_in: run(initialState("lobby"), [{ type: "signed_in", user: "user1" }]).state,
    open: open({ seq: 0 }),
    closed: run(open({ seq: 0 }), [ended(4408)]).state,
  };
  for (const from of Object.keys(table) as Session["state"][]) {
    test(`from ${from}`, () => {
      for (const [type, to] of Object.entries(table[from])) {
        const { session } = step(states[from], events[type as Type]).state;
        expect(`${type} → ${session.state}`).toBe(`${type} → ${to}`);
      }
    });
  }

  function row(
    stays: Session["state"],
    moves: Partial<Record<Type, Session["state"]>>,
  ): Record<Type, Session["state"]> {
    return {
      sign_in_began: stays,
      signed_in: stays,
      sign_in_refused: stays,
      sign_out: "signed_out",
      choose: stays,
      connect: stays,
      leave: stays,
      send: stays,
      resend: stays,
      cancel_send: stays,
      load_before: stays,
      write: stays,
      seen: stays,
      stay: stays,
      measure: stays,
      dismiss: stays,
      status: stays,
      present: stays,
      typing: stays,
      message: stays,
      lost: stays,
      quota: stays,
      warning: stays,
      complaint: stays,
      acked: stays,
      refused: stays,
      page: stays,
      page_refused: stays,
      measured: stays,
      ...moves,
    };
  }
});
