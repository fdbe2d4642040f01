import type { Room } from "../../client/room.ts";
import type { TestClient } from "../../client/test-client.ts";
import { titleOf } from "../../names.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { Avatar } from "../avatar.tsx";
import { Icon, IconButton } from "../icon.tsx";

/** Where the style sheet shows either the conversation or its people (narrow.css). */
const NARROW = "(width < 72rem)";

interface ConversationHeadProps {
  readonly context: PanelContext;
  readonly client: TestClient;
  readonly room: Room;
}

/** The title of the conversation, who is there, and the way to its people. */
export function ConversationHead({ context, client, room }: ConversationHeadProps) {
  const { hasPeople, visibleColumn, openPanel } = context;
  const facts = room.facts.value;
  const { id } = room.conversation;
  const title = titleOf(facts, id);
  const { count } = room.presence.value;
  const isShown = hasPeople.value && openPanel.value === "";

  function togglePeople(): void {
    // Where there is no room beside the conversation, the people take its place.
    hasPeople.value = matchMedia(NARROW).matches || !isShown;
    if (!hasPeople.value) return;
    openPanel.value = "";
    visibleColumn.value = "people";
  }

  return (
    <header class="conversation-head">
      <IconButton
        icon="back"
        label="Back to the chats"
        id="back"
        kind="narrow-only"
        onClick={() => context.openConversation("")}
      />
      <Avatar user={title} group={facts?.direct === undefined} />
      <div class="head-text">
        <h2 id="conversation-title">{title}</h2>
        <p class="fine" id="conversation-about">
          {aboutOf(room, client.user() ?? "")}
        </p>
      </div>
      <button
        type="button"
        class="quiet small"
        id="toggle-people"
        aria-expanded={isShown}
        title="People and settings (u)"
        onClick={togglePeople}
      >
        <Icon name="people" />
        <span class="unseen">People, </span>
        <span id="present-count">{count.toLocaleString("en")}</span>
        <span class="unseen"> present</span>
      </button>
    </header>
  );
}

/** Returns what the conversation is, and who is there, in a few words. */
function aboutOf(room: Room, user: string): string {
  const facts = room.facts.value;
  const { present, count } = room.presence.value;
  switch (room.status.value.state) {
    case "closed":
      return "Closed";
    case "waiting":
      return "Opened again soon";
    case "opening":
      return facts === undefined ? "Opening…" : "Connecting…";
    default:
  }
  if (facts === undefined) return "";
  if (facts.direct !== undefined)
    return present.some((one) => one.user === facts.direct) ? "Here now" : "Not here now";
  const others = count - Number(present.some((one) => one.user === user));
  const here =
    others === 0
      ? "only you are here"
      : `${others.toLocaleString("en")} other${others === 1 ? "" : "s"} here`;
  return `${facts.access === "members" ? "Private group" : "Open to anyone"} · ${here}`;
}
