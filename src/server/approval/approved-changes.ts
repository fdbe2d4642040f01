import { refusalOf, type Verdict } from "../../core/approval/answer.ts";
import { type AskedMessage, askedMessage } from "../../core/approval/question.ts";
import type { Change } from "../../core/changes/decide-change.ts";
import type { ChangeRequest, ChangeResult, Changes } from "../../core/ports/conversation/changes.ts";
import type { ApprovedDeps } from "./approved-messages.ts";

type Edit = Extract<Change, { kind: "edit" }>;

/**
 * The changes of an engine, of which edits are approved before they are made (AP1). The reason that users give for the erasure of their own
 * message would be a text that nobody has approved, and is not stored.
 */
export class ApprovedChanges implements Changes {
  readonly rev: Changes["rev"];
  readonly missed: Changes["missed"];
  readonly mine: Changes["mine"];
  readonly watch: Changes["watch"];
  readonly consider: Changes["consider"];

  constructor(
    private readonly changes: Changes,
    private readonly deps: ApprovedDeps,
  ) {
    this.rev = (conversation) => changes.rev(conversation);
    this.missed = (...plan) => changes.missed(...plan);
    this.mine = (...messages) => changes.mine(...messages);
    this.watch = (listener) => changes.watch(listener);
    this.consider = (request, done) => changes.consider(request, done);
  }

  change(request: ChangeRequest, done: (result: ChangeResult) => void): void {
    const { change } = request;
    if (change.kind === "edit") this.edit(request, change, done);
    else if (change.kind === "erase" && change.reason !== undefined)
      this.changeInTurn({ ...request, change: { ...change, dropsOwnReason: true } }, done);
    else this.changeInTurn(request, done);
  }

  /** Erasures and reactions wait only for what the same user has sent before them. */
  private changeInTurn(request: ChangeRequest, done: (result: ChangeResult) => void): void {
    const { queues } = this.deps;
    if (queues.has(request))
      queues.add(request, undefined, (_, finish) =>
        this.changes.change(request, (result) => {
          done(result);
          finish();
        }),
      );
    else this.changes.change(request, done);
  }

  private edit(request: ChangeRequest, edit: Edit, done: (result: ChangeResult) => void): void {
    const { seq, id } = request;
    const content = JSON.stringify([seq, edit]);
    const isTaken = this.deps.queues.add(request, { type: "edit", id, content }, (shared, finish) => {
      const answer = (result: ChangeResult, verdict?: Verdict) => {
        done(result);
        finish(verdict);
      };
      this.changes.consider(request, (result) => {
        if (result.outcome !== "acceptable") return answer(result);
        const edited = askedMessage(result.id, result.body);
        const carryOut = (verdict: Verdict) => this.carryOut({ request, edit, edited }, verdict, answer);
        if (shared !== undefined) carryOut(shared);
        else this.ask(request, edited).then(carryOut);
      });
    });
    if (!isTaken) done({ outcome: "busy" });
  }

  private ask({ conversation, user, seq }: ChangeRequest, message: AskedMessage): Promise<Verdict> {
    return this.deps.approver.ask({ type: "edit", conversation, user, seq, message });
  }

  private carryOut(
    { request, edit, edited }: { request: ChangeRequest; edit: Edit; edited: AskedMessage },
    verdict: Verdict,
    answer: (result: ChangeResult, verdict: Verdict) => void,
  ): void {
    switch (verdict.action) {
      case "accept":
      case "replace": {
        // Text and data: another edit, made on another node meanwhile, must not leave a mixture that nobody approved.
        const { text, data } = verdict.action === "accept" ? edited : verdict.content;
        const change: Edit = { ...edit, text, data: data === undefined ? null : JSON.stringify(data) };
        this.changes.change({ ...request, change }, (result) => answer(result, verdict));
        break;
      }
      case "reject":
      case "unavailable":
        answer(refusalOf(verdict), verdict);
        break;
      default:
        verdict satisfies never;
    }
  }
}
