import { useRef, useState } from "preact/hooks";
import type { InboxItem } from "../../../client/index.ts";
import type { TestClient } from "../../client/test-client.ts";
import { conversationProblem } from "../../conversation-name.ts";
import { titleOf } from "../../names.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { IconButton } from "../icon.tsx";
import { InboxRow } from "./inbox-row.tsx";
import { NewConversation } from "./new-conversation.tsx";

interface InboxProps {
  readonly context: PanelContext;
  readonly client: TestClient;
}

/** The user's conversations, the newest first, with a field that finds one or opens any by its name. */
export function Inbox({ context, client }: InboxProps) {
  const { conversation, session } = client.state.value;
  const list = client.inbox.value;
  const [find, setFind] = useState("");
  const [problem, setProblem] = useState<string>();
  const isMaking = useRef<HTMLDialogElement>(null);
  const user = session.state === "signed_out" ? "" : session.user;
  const all = list?.items ?? [];
  const wanted = find.trim().toLowerCase();
  const items = all.filter((item) => matches(item, wanted));
  // A conversation that is open and does not belong to the user yet: one that anyone may read.
  const isClosed = client.room.value?.status.value.state === "closed";
  const isForeign =
    conversation !== "" && !isClosed && !all.some((item) => item.conversation === conversation);

  function submit(event: Event): void {
    event.preventDefault();
    const name = find.trim();
    const byTitle = all.find((item) => titleOf(item, item.conversation).toLowerCase() === wanted);
    const wrong = byTitle === undefined ? conversationProblem(name) : undefined;
    setProblem(wrong);
    if (wrong === undefined) open(byTitle?.conversation ?? name);
  }

  function open(name: string): void {
    setFind("");
    setProblem(undefined);
    context.openConversation(name);
    document.getElementById("text")?.focus();
  }

  return (
    <section class="inbox" aria-labelledby="inbox-title">
      <div class="inbox-head">
        <h2 id="inbox-title">Chats</h2>
        <IconButton
          icon="add"
          label="New conversation"
          id="new-conversation"
          onClick={() => isMaking.current?.showModal()}
        />
      </div>
      <form class="inbox-find" aria-label="Find" noValidate onSubmit={submit}>
        <label class="unseen" for="conversation">
          Find, or open by name
        </label>
        <input
          id="conversation"
          type="search"
          autocapitalize="none"
          autocomplete="off"
          enterkeyhint="go"
          spellcheck={false}
          maxLength={200}
          placeholder="Find, or open by name"
          aria-invalid={problem !== undefined}
          aria-describedby="conversation-problem"
          value={find}
          onInput={(event) => setFind(event.currentTarget.value)}
        />
        <p class="problem" id="conversation-problem" role="alert">
          {problem ?? ""}
        </p>
      </form>
      <ul
        class="inbox-list"
        id="inbox"
        aria-busy={list?.status === "loading"}
        data-status={list?.status ?? "loading"}
      >
        {isForeign && (
          <InboxRow
            key={conversation}
            name={conversation}
            item={undefined}
            facts={client.room.value?.facts.value}
            user={user}
            isOpen={true}
            now={context.workbench.now.value}
            open={() => open(conversation)}
          />
        )}
        {items.map((item) => (
          <InboxRow
            key={item.conversation}
            name={item.conversation}
            item={item}
            facts={item}
            user={user}
            isOpen={item.conversation === conversation}
            now={context.workbench.now.value}
            open={() => open(item.conversation)}
          />
        ))}
      </ul>
      {list !== undefined && (
        <Foot client={client} shown={items.length + Number(isForeign)} find={find.trim()} />
      )}
      <NewConversation context={context} client={client} dialog={isMaking} />
    </section>
  );
}

function Foot({
  client,
  shown,
  find,
}: {
  readonly client: TestClient;
  readonly shown: number;
  readonly find: string;
}) {
  const list = client.inbox.value!;
  return (
    <div class="inbox-foot">
      {find !== "" && shown === 0 && <p class="fine">Enter opens the conversation “{find}”.</p>}
      {find === "" && shown === 0 && list.status === "ready" && (
        <p class="fine" id="inbox-empty">
          No conversations yet. Begin one with +, or open one that anyone may join by its name, such as lobby.
        </p>
      )}
      {list.hasMore && (
        <button type="button" class="plain small" id="inbox-more" onClick={() => client.loadMoreItems()}>
          Older conversations
        </button>
      )}
    </div>
  );
}

function matches(item: InboxItem, wanted: string): boolean {
  return (
    wanted === "" ||
    titleOf(item, item.conversation).toLowerCase().includes(wanted) ||
    item.conversation.toLowerCase().includes(wanted)
  );
}
