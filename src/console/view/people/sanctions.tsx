import { useEffect, useState } from "preact/hooks";
import { watchMembers } from "../../../client/index.ts";
import { liftAction } from "../../action/action.ts";
import type { Room } from "../../client/room.ts";
import type { TestClient } from "../../client/test-client.ts";
import { clockTime } from "../../format.ts";
import type { PanelContext } from "../../panel/panel.ts";

/** A mute or a ban. */
export interface Sanctioned {
  readonly user: string;
  /** Milliseconds since 1970; missing: without an end. */
  readonly until?: number;
}

export interface SanctionLists {
  readonly mutes: readonly Sanctioned[];
  readonly bans: readonly Sanctioned[];
}

const NONE: SanctionLists = { mutes: [], bans: [] };

const CHANGES: ReadonlySet<string> = new Set(["muted", "unmuted", "banned", "unbanned"]);

/** Reads who is muted and banned, if the user may, and again when that changes. */
export function useSanctions(client: TestClient, room: Room, canRead: boolean): SanctionLists {
  const [lists, setLists] = useState(NONE);
  const { id } = room.conversation;
  useEffect(() => {
    const parley = client.parley();
    if (!canRead || parley === undefined) return undefined;
    let isOver = false;
    const path = `/conversations/${encodeURIComponent(id)}`;
    const load = async () => {
      const [{ mutes }, { bans }] = await Promise.all([
        parley.request<Pick<SanctionLists, "mutes">>("GET", `${path}/mutes`),
        parley.request<Pick<SanctionLists, "bans">>("GET", `${path}/bans`),
      ]);
      if (!isOver) setLists({ mutes, bans });
    };
    // What cannot be read is not shown; each change is announced with its own result.
    const reload = () => void load().catch(() => {});
    reload();
    const end = parley.on("member", ({ conversation, change }) => {
      if (conversation === id && CHANGES.has(change)) reload();
    });
    return () => {
      isOver = true;
      end();
    };
  }, [client, id, canRead]);
  return lists;
}

interface SanctionsProps {
  readonly context: PanelContext;
  readonly client: TestClient;
  readonly room: Room;
  readonly sanctions: SanctionLists;
}

/** The users who are muted or banned, each with a button that ends it. */
export function Sanctions({ context, client, room, sanctions }: SanctionsProps) {
  const me = client.user() ?? "";
  const { id } = room.conversation;
  const members = watchMembers(room.conversation);
  const parts = [
    { kind: "mute", title: "Muted", list: sanctions.mutes, lift: members.unmute, label: "Unmute" },
    { kind: "ban", title: "Banned", list: sanctions.bans, lift: members.unban, label: "Unban" },
  ] as const;
  return (
    <>
      {parts.map(({ kind, title, list, lift, label }) =>
        list.length === 0 ? null : (
          <section key={kind} id={`${kind}s`} aria-label={title}>
            <h3>{title}</h3>
            <ul class="members">
              {list.map(({ user, until }) => (
                <li key={user} data-user={user}>
                  <span class="name">{user}</span>
                  {until !== undefined && <span class="fine">until {clockTime(until)}</span>}
                  <button
                    type="button"
                    class="plain small"
                    aria-label={`${label} ${user}`}
                    onClick={() =>
                      void context.actions.perform(client, liftAction(me, id, user, kind), () => lift(user))
                    }
                  >
                    {label}
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ),
      )}
    </>
  );
}
