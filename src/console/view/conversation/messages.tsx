import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Entry } from "../../../client/index.ts";
import type { Action } from "../../action/action.ts";
import {
  cancelAction,
  editAction,
  eraseAction,
  messageAction,
  reactAction,
} from "../../action/message-actions.ts";
import { MAX_SHOWN_ENTRIES } from "../../client/message-list-items.ts";
import type { Room } from "../../client/room.ts";
import type { State } from "../../client/state.ts";
import type { TestClient } from "../../client/test-client.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { messageRights } from "./change/rights.ts";
import { isStaleEdit } from "./change/words.ts";
import { quoteFinder } from "./quote.tsx";
import { type ListActions, type RenderedItem, renderItems, rowContextOf } from "./render-items.tsx";
import { useAutoScroll } from "./use-auto-scroll.ts";

/** Loaded when the first menu of a message is opened. */
const loadTools = () => import("./change/tools.ts");

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
  const quoted = room.quoted.value;
  const role = room.facts.value?.role;
  const [tools, setTools] = useState<Awaited<ReturnType<typeof loadTools>>>();
  const [openKey, setOpenKey] = useState<string>();
  const [edited, setEdited] = useState<Edited>();
  useEffect(() => {
    setOpenKey(undefined);
    setEdited(undefined);
  }, [room]);
  const actions = useMemo(
    () =>
      actionsOf(context, client, room, {
        async openMenu(entry) {
          setTools(await loadTools());
          setOpenKey(entry.key);
        },
        async editAgain({ key }, text) {
          setTools(await loadTools());
          setEdited({ key, text });
        },
      }),
    [client, room],
  );
  const endEdit = (row: Entry) => {
    setEdited(undefined);
    scroller.current?.querySelector<HTMLElement>(`[data-seq="${row.seq}"] .more-about`)?.focus();
  };
  const draw = (row: Entry) => {
    const { EditForm } = tools!;
    const save = (text: string, rev: number) => {
      endEdit(row);
      actions.edit(row, text, rev);
    };
    return <EditForm row={row} words={edited?.text ?? row.text} save={save} cancel={() => endEdit(row)} />;
  };
  const setting = rowContextOf(list, room.presence.value.present, {
    ...{ user, role, held: isHeld(state, now), stops: client.stops },
    editing: edited && { key: edited.key, draw },
    findQuoted: quoteFinder(list.entries, quoted),
  });
  const signature = JSON.stringify([
    setting.user,
    setting.today,
    setting.held,
    [...setting.marks],
    readBefore,
    role,
    edited?.key,
  ]);
  const drawn = useRef<ReadonlyMap<string, RenderedItem>>(new Map());
  const rows = useMemo(() => {
    drawn.current = renderItems(drawn.current, list, readBefore, setting, actions);
    return [...drawn.current.values()].map(({ node }) => node);
  }, [list, signature, actions, quoted]);
  const { scroller, announcer, newer, toEnd, keepPlace } = useAutoScroll(room, list);
  const target = room.target.value;
  useLayoutEffect(() => {
    if (target === undefined || !showRow(scroller.current!, target)) return;
    keepPlace();
    room.target.value = undefined;
  }, [target, rows]);
  const opened = openKey === undefined ? undefined : list.entries.find(({ key }) => key === openKey);
  const editSeconds = client.parley()?.welcome.getSnapshot()?.limits.edit_seconds ?? 0;
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
      {tools !== undefined && opened !== undefined && (
        <tools.MessageMenu
          key={opened.key}
          row={opened}
          rights={messageRights(opened, room.facts.value, editSeconds, Date.now())}
          react={(name, on) => actions.react(opened, name, on)}
          edit={() => setEdited({ key: opened.key })}
          erase={(reason) => actions.erase(opened, reason)}
          reply={() => actions.reply(opened)}
          showCode={() => actions.showCode(opened)}
          announce={context.announcer.announce}
          onClose={() => setOpenKey(undefined)}
        />
      )}
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

/** Scrolls to a message and gives it the focus, which shows it, until the focus leaves it. Returns false if it is not drawn. */
function showRow(scroller: HTMLElement, seq: number): boolean {
  const row = scroller.querySelector<HTMLElement>(`[data-seq="${seq}"]`);
  if (row === null) return false;
  row.tabIndex = -1;
  row.addEventListener("blur", () => row.removeAttribute("tabindex"), { once: true });
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "center" });
  return true;
}

/** The message that the user edits. `text`: the user's words, where others changed the message before they were stored. */
interface Edited {
  readonly key: string;
  readonly text?: string;
}

/** What shows something at a message. */
interface Openers extends Pick<ListActions, "openMenu"> {
  editAgain(entry: Entry, text: string): void;
}

/** What the rows and the menu do. */
interface ChangeActions extends ListActions {
  edit(entry: Entry, text: string, rev: number): void;
  erase(entry: Entry, reason: string | undefined): void;
}

function actionsOf(
  { actions, announcer, workbench }: PanelContext,
  client: TestClient,
  room: Room,
  { openMenu, editAgain }: Openers,
): ChangeActions {
  const { conversation } = room;
  const user = () => client.user() ?? "";
  /** The row says why a change failed. */
  const change = (entry: Entry, action: Action, run: () => Promise<unknown>) =>
    void actions.perform(client, action, run, `Not done: see message #${entry.seq}`);
  return {
    openMenu,
    react(entry, name, on) {
      const action = reactAction(user(), conversation.id, entry, name, on);
      change(entry, action, () => conversation.react(entry, name, on));
    },
    edit(entry, text, rev) {
      // An edit from elsewhere, which the user has not seen, is not replaced.
      const fields = { text, if_rev: rev };
      change(entry, editAction(user(), conversation.id, entry, fields), () =>
        conversation.edit(entry, fields),
      );
    },
    erase(entry, reason) {
      const action = eraseAction(user(), conversation.id, entry, reason);
      change(entry, action, () => conversation.erase(entry, reason));
    },
    retry(entry) {
      const { changing = [] } = entry;
      const stale = changing.find(isStaleEdit);
      room.retry({ ...entry, changing: changing.filter((one) => one !== stale) });
      if (stale === undefined) return;
      // The same request would be refused for ever. The user sees what the message has become, and edits that.
      room.discard({ ...entry, changing: [stale] });
      editAgain(entry, stale.text ?? entry.text);
    },
    discard: (entry) => room.discard(entry),
    takeBack(entry) {
      room.discard(entry);
      if (client.draft.value.trim() === "") client.draft.value = entry.text;
      document.getElementById("text")?.focus();
    },
    loadHole: (seq, isNewest) => (isNewest ? room.loadOlder() : room.loadBefore(seq)),
    showCode(entry) {
      const action = messageAction(client.user() ?? "", conversation.id, entry);
      actions.show({ action, client, since: workbench.frames.first });
    },
    reply(entry) {
      client.replyTo.value = entry;
      document.getElementById("text")?.focus();
    },
    stop(entry) {
      const action = cancelAction(client.user() ?? "", conversation.id, entry.from, entry.streamId!);
      void actions.perform(client, action, () => conversation.cancel(entry));
    },
    loadQuoted: (seq) => room.loadQuoted(seq),
    async show(seq) {
      if (!(await room.show(seq))) announcer.announce(`Message #${seq} is no longer kept`);
    },
  };
}

function emptyText(room: Room, { session }: State): string {
  const { state } = room.status.value;
  if (state === "closed" || session.state !== "open") return "";
  if (state === "opening" || room.list.value.status === "loading") return "Loading…";
  return "No messages here yet. Write the first one.";
}
