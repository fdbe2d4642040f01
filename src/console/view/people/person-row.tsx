import { useRef } from "preact/hooks";
import { type Role, watchMembers } from "../../../client/index.ts";
import { type Action, liftAction, memberAction, removeAction, sanctionAction } from "../../action/action.ts";
import type { Room } from "../../client/room.ts";
import type { TestClient } from "../../client/test-client.ts";
import { clockTime } from "../../format.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { Avatar } from "../avatar.tsx";
import { Icon, IconButton } from "../icon.tsx";
import { mayChange, type Person, type Rights } from "./persons.ts";
import type { SanctionLists } from "./sanctions.tsx";

/** How long the shortest mute of the menu lasts, in seconds. */
const SHORT_MUTE_S = 600;

interface PersonRowProps {
  readonly context: PanelContext;
  readonly client: TestClient;
  readonly room: Room;
  readonly person: Person;
  readonly rights: Rights;
  readonly sanctions: SanctionLists;
}

/** One user: presence, role, and a menu of what may be done. */
export function PersonRow({ context, client, room, person, rights, sanctions }: PersonRowProps) {
  const { user, role, present, since } = person;
  const me = client.user() ?? "";
  const mine = room.facts.value?.role;
  const isMuted = sanctions.mutes.some((one) => one.user === user);
  const canChange = user !== me && rights.canModerate && mayChange(mine, role);
  return (
    <li
      data-user={user}
      data-present={present}
      title={present ? `Here since ${clockTime(since)}` : "Not here"}
    >
      <Avatar user={user} present={present} />
      <span class="name">{user === me ? `${user} (you)` : user}</span>
      {isMuted && (
        <span class="row-muted" title="Muted">
          <Icon name="muted" />
          <span class="unseen">muted</span>
        </span>
      )}
      {role !== undefined && role !== "member" && <span class="badge">{role}</span>}
      {canChange && (
        <Menu
          context={context}
          client={client}
          room={room}
          person={person}
          rights={rights}
          isMuted={isMuted}
        />
      )}
    </li>
  );
}

interface MenuProps extends Omit<PersonRowProps, "sanctions"> {
  readonly isMuted: boolean;
}

interface Choice {
  readonly label: string;
  readonly action: Action;
  run(): Promise<unknown>;
}

function Menu({ context, client, room, person, rights, isMuted }: MenuProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { user } = person;
  const choices = choicesOf(client.user() ?? "", room, person, rights, isMuted);
  return (
    <>
      <IconButton icon="more" label={`Change ${user}`} onClick={() => dialog.current?.showModal()} />
      <dialog class="menu" ref={dialog} closedby="any" aria-label={`Change ${user}`}>
        <p class="menu-title">{user}</p>
        <ul>
          {choices.map(({ label, action, run }) => (
            <li key={label}>
              <button
                type="button"
                class="menu-item"
                onClick={() => {
                  dialog.current?.close();
                  void context.actions.perform(client, action, run);
                }}
              >
                {label}
              </button>
            </li>
          ))}
        </ul>
      </dialog>
    </>
  );
}

function choicesOf(
  me: string,
  { conversation }: Room,
  { user, role }: Person,
  rights: Rights,
  isMuted: boolean,
): readonly Choice[] {
  const members = watchMembers(conversation);
  const { id } = conversation;
  const roleChoice = (next: Role, label: string): Choice[] =>
    rights.canOwn && role !== undefined && role !== next
      ? [{ label, action: memberAction(me, id, user, next), run: () => members.put(user, next) }]
      : [];
  const mute = (label: string, seconds?: number): Choice => ({
    label,
    action: sanctionAction(me, id, user, "mute", seconds),
    run: () => members.mute(user, seconds === undefined ? {} : { seconds }),
  });
  return [
    ...(role === undefined
      ? [{ label: "Add", action: memberAction(me, id, user), run: () => members.put(user) }]
      : []),
    ...roleChoice("owner", "Make owner"),
    ...roleChoice("moderator", "Make moderator"),
    ...roleChoice("member", "Make member"),
    ...(isMuted
      ? [{ label: "Unmute", action: liftAction(me, id, user, "mute"), run: () => members.unmute(user) }]
      : [mute("Mute for 10 minutes", SHORT_MUTE_S), mute("Mute")]),
    ...(role === undefined
      ? []
      : [{ label: "Remove", action: removeAction(me, id, user), run: () => members.remove(user) }]),
    { label: "Ban", action: sanctionAction(me, id, user, "ban"), run: () => members.ban(user) },
  ];
}
