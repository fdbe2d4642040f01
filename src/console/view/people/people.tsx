import { useState } from "preact/hooks";
import { type MemberList, type MemberWatch, watchMembers } from "../../../client/index.ts";
import { createReadable } from "../../../client/values/readable.ts";
import { memberAction } from "../../action/action.ts";
import type { Room } from "../../client/room.ts";
import type { TestClient } from "../../client/test-client.ts";
import { isIdentifier } from "../../conversation-name.ts";
import type { PanelContext } from "../../panel/panel.ts";
import { IconButton } from "../icon.tsx";
import { useReadable } from "../use-readable.ts";
import { Facts } from "./facts.tsx";
import { PersonRow } from "./person-row.tsx";
import { type Person, peopleOf, rightsOf } from "./persons.ts";
import { Sanctions, useSanctions } from "./sanctions.tsx";

const [NOBODY] = createReadable<MemberList>({ members: [], hasMore: false });

interface PeopleProps {
  readonly context: PanelContext;
  readonly client: TestClient;
  readonly room: Room;
}

/** The people of the conversation, and what may be changed about them and about it. */
export function People({ context, client, room }: PeopleProps) {
  const user = client.user() ?? "";
  const facts = room.facts.value;
  const members = watchMembers(room.conversation);
  // Before the conversation is open, the server would refuse to list its members.
  const { members: known, hasMore } = useReadable<MemberList>(facts === undefined ? NOBODY : members);
  const { present, count } = room.presence.value;
  const rights = rightsOf(facts);
  const sanctions = useSanctions(client, room, rights.canModerate);
  const people = peopleOf(known, present, user);
  const hidden = count - present.length;
  return (
    <section class="people" aria-labelledby="people-title">
      <div class="people-head">
        <h2 id="people-title">About</h2>
        <IconButton
          icon="close"
          label="Close"
          id="close-people"
          onClick={() => {
            context.hasPeople.value = false;
            context.visibleColumn.value = "conversation";
          }}
        />
      </div>
      <div class="people-scroll">
        <Facts context={context} client={client} room={room} rights={rights} />
        <h3 id="members-title">
          People <span class="fine">{known.length > 0 && !hasMore ? known.length : ""}</span>
        </h3>
        <ul class="members" id="members" aria-labelledby="members-title">
          {people.map((person) => (
            <PersonRow
              key={person.user}
              context={context}
              client={client}
              room={room}
              person={person}
              rights={rights}
              sanctions={sanctions}
            />
          ))}
        </ul>
        {hidden > 0 && <p class="fine people-note">{`${count.toLocaleString("en")} present in all`}</p>}
        {hasMore && <MoreMembers members={members} />}
        {rights.canInvite && <Invite context={context} client={client} room={room} people={people} />}
        {rights.canModerate && (
          <Sanctions context={context} client={client} room={room} sanctions={sanctions} />
        )}
      </div>
    </section>
  );
}

function MoreMembers({ members }: { readonly members: MemberWatch }) {
  return (
    <button type="button" class="plain small" onClick={() => void members.loadMore().catch(() => {})}>
      More members
    </button>
  );
}

/** Adds a user to the conversation. */
function Invite({ context, client, room, people }: PeopleProps & { readonly people: readonly Person[] }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const other = name.trim();
    const isMember = people.some(({ user, role }) => user === other && role !== undefined);
    const wrong = !isIdentifier(other)
      ? "Use 1 to 128 of A-Z a-z 0-9 . _ : @ - and no spaces."
      : isMember
        ? `${other} belongs to it already.`
        : "";
    setProblem(wrong);
    if (wrong !== "") return;
    const action = memberAction(client.user() ?? "", room.conversation.id, other);
    const done = await context.actions.perform(client, action, () =>
      watchMembers(room.conversation).put(other),
    );
    if (done !== undefined) setName("");
  }

  return (
    <form class="invite" id="invite" noValidate onSubmit={(event) => void submit(event)}>
      <label class="unseen" for="invite-name">
        User to add
      </label>
      <input
        id="invite-name"
        autocapitalize="none"
        autocomplete="off"
        spellcheck={false}
        placeholder="Add a user"
        aria-describedby="invite-problem"
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" class="plain">
        Add
      </button>
      <p class="problem" id="invite-problem" role="alert">
        {problem}
      </p>
    </form>
  );
}
