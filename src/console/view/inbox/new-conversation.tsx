import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Access, ConversationFacts, NewConversation as NewFacts } from "../../../client/index.ts";
import { createAction } from "../../action/action.ts";
import type { TestClient } from "../../client/test-client.ts";
import { isIdentifier } from "../../conversation-name.ts";
import type { PanelContext } from "../../panel/panel.ts";

interface NewConversationProps {
  readonly context: PanelContext;
  readonly client: TestClient;
  readonly dialog: RefObject<HTMLDialogElement | null>;
}

type Kind = "group" | "direct";

const USERS_RULE = "Users have names of A-Z a-z 0-9 . _ : @ - and no spaces.";

/** Makes a group, or begins a direct conversation. */
export function NewConversation({ context, client, dialog }: NewConversationProps) {
  const [kind, setKind] = useState<Kind>("group");
  const [problem, setProblem] = useState<string>();
  const [access, setAccess] = useState<Access>("members");
  const [title, people] = [useRef<HTMLInputElement>(null), useRef<HTMLInputElement>(null)];

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const names = namesIn(people.current!.value);
    const wrong = names.find((name) => !isIdentifier(name));
    if (wrong !== undefined) return setProblem(USERS_RULE);
    if (kind === "direct" && names.length !== 1) return setProblem("Name one user.");
    const facts =
      kind === "direct" ? { direct: names[0]! } : groupOf(access, title.current!.value.trim(), names);
    setProblem(undefined);
    dialog.current!.close();
    let made: string | undefined;
    const words = kind === "direct" ? `The conversation with ${names[0]} is open` : "The group was made";
    const user = client.user() ?? "";
    const answer = await context.actions.perform<ConversationFacts>(
      client,
      createAction(user, words, facts as Record<string, unknown>, () => made),
      async () => {
        const created = await client.parley()!.create(facts);
        made = created.conversation;
        return created;
      },
    );
    if (typeof answer !== "object") return;
    people.current!.value = "";
    if (title.current !== null) title.current.value = "";
    context.openConversation(answer.conversation);
    document.getElementById("text")?.focus();
  }

  return (
    <dialog id="new-dialog" ref={dialog} closedby="any" aria-labelledby="new-dialog-title">
      <div class="sheet-head">
        <h2 id="new-dialog-title">New conversation</h2>
        <button type="button" class="plain small" onClick={() => dialog.current!.close()}>
          Cancel
        </button>
      </div>
      <form class="sheet-form" noValidate onSubmit={(event) => void submit(event)}>
        <fieldset class="segments">
          <legend class="unseen">Kind</legend>
          {(["group", "direct"] as const).map((name) => (
            <label key={name}>
              <input type="radio" name="kind" checked={kind === name} onChange={() => setKind(name)} />
              <span>{name === "group" ? "Group" : "Direct"}</span>
            </label>
          ))}
        </fieldset>
        {kind === "group" && (
          <>
            <label for="new-title">Title</label>
            <input id="new-title" ref={title} maxLength={200} autocomplete="off" />
          </>
        )}
        <label for="new-people">{kind === "group" ? "Members, besides you" : "With"}</label>
        <input
          id="new-people"
          ref={people}
          autocapitalize="none"
          autocomplete="off"
          spellcheck={false}
          placeholder={kind === "group" ? "user2, user3" : "user2"}
          aria-describedby="new-problem"
        />
        {kind === "group" && (
          <label class="check">
            <input
              type="checkbox"
              checked={access === "anyone"}
              onChange={(event) => setAccess(event.currentTarget.checked ? "anyone" : "members")}
            />
            Anyone who knows its name may join
          </label>
        )}
        <p class="problem" id="new-problem" role="alert">
          {problem ?? ""}
        </p>
        <button class="primary" id="new-submit" type="submit">
          {kind === "group" ? "Make the group" : "Begin"}
        </button>
      </form>
    </dialog>
  );
}

function groupOf(access: Access, title: string, names: readonly string[]): NewFacts {
  const members = names.map((user) => ({ user }));
  return { access, ...(title !== "" && { title }), ...(members.length > 0 && { members }) };
}

/** Returns the names in a text, separated by blanks or commas. */
export function namesIn(text: string): readonly string[] {
  return [...new Set(text.split(/[\s,;]+/).filter((name) => name !== ""))];
}
