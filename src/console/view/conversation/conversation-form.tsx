import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { TestClient } from "../../client/test-client.ts";
import { conversationProblem } from "../../conversation-name.ts";
import type { Address } from "../../shell/address.ts";
import { statusOf } from "../status.ts";

interface ConversationFormProps {
  readonly client: TestClient;
  readonly address: Address;
}

/** The conversation of the client, and the state of its connection. */
export function ConversationForm({ client, address }: ConversationFormProps) {
  const { session, conversation } = client.state.value;
  const input = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<string>();
  const busy = session.state === "open";

  useLayoutEffect(() => {
    input.current!.value = conversation;
  }, [conversation]);
  // The focus moves to the next step once, when the client's conversation changes.
  useLayoutEffect(() => {
    if (session.state !== "signed_in") return;
    input.current!.focus();
    input.current!.select();
  }, [session.state]);

  function submit(event: Event): void {
    event.preventDefault();
    const name = input.current!.value.trim();
    const wrong = conversationProblem(name);
    setProblem(wrong);
    if (wrong !== undefined) input.current!.focus();
    else if (!busy) {
      address.goTo(name);
      client.connect(name);
    }
  }

  return (
    <form class="conversation-form" id="conversation-form" noValidate onSubmit={submit}>
      <label for="conversation">Conversation</label>
      <input
        id="conversation"
        ref={input}
        autocapitalize="none"
        autocomplete="off"
        enterkeyhint="go"
        spellcheck={false}
        maxLength={128}
        readOnly={busy}
        aria-invalid={problem !== undefined}
        aria-describedby="conversation-problem"
      />
      {busy ? (
        <button
          class="plain"
          id="leave"
          type="button"
          key="leave"
          onClick={() => client.dispatch({ type: "leave" })}
        >
          {session.terms === undefined ? "Cancel" : "Leave"}
        </button>
      ) : (
        <button class="primary" id="connect" type="submit" key="connect">
          Connect
        </button>
      )}
      <p class="status" id="status" role="status" data-at={statusOf(session).at}>
        {statusOf(session).words}
      </p>
      <p class="problem" id="conversation-problem" role="alert">
        {problem ?? ""}
      </p>
    </form>
  );
}
