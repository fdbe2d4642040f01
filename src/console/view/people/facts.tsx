import { useRef, useState } from "preact/hooks";
import { watchMembers } from "../../../client/index.ts";
import { deleteAction, memberAction, removeAction, updateAction } from "../../action/action.ts";
import type { Room } from "../../client/room.ts";
import type { TestClient } from "../../client/test-client.ts";
import { titleOf } from "../../names.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { Avatar } from "../avatar.tsx";
import { IconButton } from "../icon.tsx";
import type { Rights } from "./persons.ts";

interface FactsProps {
  readonly context: PanelContext;
  readonly client: TestClient;
  readonly room: Room;
  readonly rights: Rights;
}

/** The title, who may come in, and the ways out. */
export function Facts({ context, client, room, rights }: FactsProps) {
  const [editing, setEditing] = useState(false);
  const facts = room.facts.value;
  const { id } = room.conversation;
  const title = titleOf(facts, id);
  const user = client.user() ?? "";
  const { perform } = context.actions;

  async function leave(): Promise<void> {
    const done = await perform(client, removeAction(user, id, user), () =>
      watchMembers(room.conversation).remove(user),
    );
    if (done !== undefined) context.openConversation("");
  }

  async function remove(): Promise<void> {
    const done = await perform(client, deleteAction(user, id), () => room.conversation.remove());
    if (done !== undefined) context.openConversation("");
  }

  const joins = facts !== undefined && facts.role === undefined && facts.access === "anyone";
  return (
    <div class="facts">
      <Avatar user={title} group={facts?.direct === undefined} />
      {editing ? (
        <TitleForm context={context} client={client} room={room} done={() => setEditing(false)} />
      ) : (
        <p class="facts-title">
          <strong>{title}</strong>
          {rights.canOwn && (
            <IconButton
              icon="rename"
              label="Change the title"
              id="edit-title"
              onClick={() => setEditing(true)}
            />
          )}
        </p>
      )}
      <p class="fine facts-name">
        {facts?.direct !== undefined
          ? "Direct conversation"
          : facts?.access === "members"
            ? "Members only"
            : "Open to anyone"}
        {id !== title && <code>{id}</code>}
      </p>
      <div class="facts-actions">
        {joins && (
          <button
            type="button"
            class="plain small"
            id="join"
            onClick={() =>
              void perform(client, memberAction(user, id, user), () =>
                watchMembers(room.conversation).put(user),
              )
            }
          >
            Join
          </button>
        )}
        {rights.canOwn && facts !== undefined && (
          <button
            type="button"
            class="plain small"
            id="change-access"
            onClick={() => {
              const access = facts.access === "members" ? "anyone" : "members";
              void perform(client, updateAction(user, id, { access }), () =>
                room.conversation.update({ access }),
              );
            }}
          >
            {facts.access === "members" ? "Open to anyone" : "Make private"}
          </button>
        )}
        {rights.canLeave && (
          <button type="button" class="plain small" id="leave" onClick={() => void leave()}>
            Leave
          </button>
        )}
        {rights.canOwn && <Delete remove={() => void remove()} />}
      </div>
    </div>
  );
}

/** Deleting takes two clicks: it ends the conversation for everybody. */
function Delete({ remove }: { remove(): void }) {
  const [asked, setAsked] = useState(false);
  return (
    <button
      type="button"
      class={asked ? "danger small" : "plain small"}
      id="delete"
      onClick={() => (asked ? remove() : setAsked(true))}
      onBlur={() => setAsked(false)}
    >
      {asked ? "Delete for everybody" : "Delete"}
    </button>
  );
}

function TitleForm({ context, client, room, done }: Omit<FactsProps, "rights"> & { done(): void }) {
  const field = useRef<HTMLInputElement>(null);
  const facts = room.facts.value;

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const title = field.current!.value.trim() || null;
    const action = updateAction(client.user() ?? "", room.conversation.id, { title });
    done();
    await context.actions.perform(client, action, () => room.conversation.update({ title }));
  }

  return (
    <form class="title-form" noValidate onSubmit={(event) => void submit(event)}>
      <input
        id="title-field"
        ref={field}
        aria-label="Title"
        maxLength={200}
        autocomplete="off"
        defaultValue={facts?.title ?? ""}
        autofocus
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          done();
        }}
      />
      <button type="submit" class="primary small">
        Save
      </button>
    </form>
  );
}
