import type { Entry } from "../../../../client/index.ts";

interface ReactionsProps {
  readonly row: Entry;
  react(reaction: string, on: boolean): void;
}

/** The reactions to a message, each with its count; a click adds one's own, or takes it back. */
export function Reactions({ row, react }: ReactionsProps) {
  const all = Object.entries(row.reactions ?? {});
  if (all.length === 0) return null;
  return (
    <ul class="reactions" aria-label={`Reactions to message ${row.seq}`}>
      {all.map(([name, { count, users }]) => {
        const isMine = row.myReactions.includes(name);
        return (
          <li key={name}>
            <button
              type="button"
              class="chip"
              aria-pressed={isMine}
              title={usersOf(users, count)}
              onClick={() => react(name, !isMine)}
            >
              <span>{name}</span> {count}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** Returns who has reacted: the newest are named, the others counted. */
export function usersOf(users: readonly string[], count: number): string {
  const others = count - users.length;
  if (others > 0)
    return `${users.join(", ")} and ${others === 1 ? "1 other" : `${others.toLocaleString("en")} others`}`;
  return users.length < 2 ? users.join("") : `${users.slice(0, -1).join(", ")} and ${users.at(-1)}`;
}
