import { useMemo, useRef } from "preact/hooks";
import { sendAction } from "../../action/action.ts";
import { MAX_SHOWN_ENTRIES } from "../../client/message-list-items.ts";
import type { Room } from "../../client/room.ts";
import type { State } from "../../client/state.ts";
import type { TestClient } from "../../client/test-client.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { type ListActions, type RenderedItem, renderItems, rowContextOf } from "./render-items.tsx";
import { useAutoScroll } from "./use-auto-scroll.ts";

interface MessagesProps {
  readonly context: PanelContext;
  readonly client: TestClient;
  readonly room: Room;
}

/**
 * The message list. Rows are cached by key and only redrawn if their entry changed, so that thousands stay fast, and one whose
 * text grows redraws itself alone.
 */
export function Messages({ context, client, room }: MessagesProps) {
  const { workbench } = context;
  const state = client.state.value;
  const list = room.list.value;
  const user = client.user() ?? "";
  // Rows only change over time while requests are rejected.
  const now = state.limitedUntil === undefined ? 0 : workbench.now.value;
  // To a user who does not belong to the conversation, nothing is new.
  const readBefore = room.facts.value?.role === undefined ? undefined : room.readBefore.value;
  const setting = rowContextOf(list, room.presence.value.present, user, isHeld(state, now));
  const signature = JSON.stringify([
    setting.user,
    setting.today,
    setting.held,
    [...setting.marks],
    readBefore,
  ]);
  const drawn = useRef<ReadonlyMap<string, RenderedItem>>(new Map());
  const actions = useMemo(() => actionsOf(context, client, room), [client, room]);
  const rows = useMemo(() => {
    drawn.current = renderItems(drawn.current, list, readBefore, setting, actions);
    return [...drawn.current.values()].map(({ node }) => node);
  }, [list, signature, actions]);
  const { scroller, announcer, newer, toEnd } = useAutoScroll(room, list);
  const isFull = list.entries.length >= MAX_SHOWN_ENTRIES;
  const isOpen = state.session.state === "open";
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroller" id="scroller" tabIndex={0} aria-label="Messages" ref={scroller}>
        <p class="earlier" hidden={!list.hasOlder || isFull || !isOpen || list.entries.length === 0}>
          <button
            class="plain small"
            id="earlier"
            type="button"
            disabled={room.loading.value}
            onClick={() => room.loadOlder()}
          >
            {room.loading.value ? "Loading…" : "Load earlier messages (1 request)"}
          </button>
        </p>
        <ol class="messages" id="messages">
          {rows}
        </ol>
        {rows.length === 0 && (
          <div class="empty" id="empty">
            {emptyText(room, state)}
          </div>
        )}
      </section>
      <p class="unseen" aria-live="polite" ref={announcer} />
      {newer > 0 && (
        <button
          class="primary small newer"
          id="newer"
          type="button"
          onClick={() => {
            toEnd();
            document.getElementById("text")?.focus();
          }}
        >
          {newer === 1 ? "1 new message below" : `${newer} new messages below`}
        </button>
      )}
    </>
  );
}

/** Whether a message cannot be sent now: the connection is lost, or the quota is used up. */
function isHeld({ session, limitedUntil = 0 }: State, now: number): boolean {
  return limitedUntil > now || session.state !== "open" || session.connection.state !== "live";
}

function actionsOf({ actions, workbench }: PanelContext, client: TestClient, room: Room): ListActions {
  return {
    retry: (entry) => room.retry(entry),
    discard: (entry) => room.discard(entry),
    takeBack(entry) {
      room.discard(entry);
      if (client.draft.value.trim() === "") client.draft.value = entry.text;
      document.getElementById("text")?.focus();
    },
    loadHole: (seq, isNewest) => (isNewest ? room.loadOlder() : room.loadBefore(seq)),
    showCode(entry) {
      const { user = "" } = client.parley() ?? {};
      actions.show({
        action: sendAction(user, room.conversation.id, entry as Parameters<typeof sendAction>[2]),
        client,
        since: workbench.frames.first,
      });
    },
  };
}

function emptyText(room: Room, { session }: State): string {
  const { state } = room.status.value;
  if (state === "closed" || session.state !== "open") return "";
  if (state === "opening" || room.list.value.status === "loading") return "Loading…";
  return "No messages here yet. Write the first one.";
}
