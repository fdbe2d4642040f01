/** Number of colours. */
const AVATAR_COLOR_COUNT = 6;

interface AvatarProps {
  readonly user: string;
  /** A group has another shape than a person. */
  readonly group?: boolean;
  /** Whether the user is present; undefined where that is not shown. */
  readonly present?: boolean | undefined;
}

/** A mark with the initials of a name, in a colour that is always the same for the same name. */
export function Avatar({ user, group = false, present }: AvatarProps) {
  return (
    <span
      class={`avatar tone-${colorIndexOf(user)}${group ? " group" : ""}`}
      data-present={present}
      aria-hidden="true"
    >
      {initialsOf(user)}
    </span>
  );
}

/** `Design team` is DT; `user1` and `user2` only differ in their last character. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s._:@-]+/u).filter((word) => word !== "");
  const first = [...(words[0] ?? "?")];
  const second = words.length > 1 ? [...words[1]!][0]! : (/\d$/.exec(name)?.[0] ?? "");
  return `${first[0]!}${first.length > 1 || words.length > 1 ? second : ""}`.toUpperCase();
}

function colorIndexOf(user: string): number {
  let hash = 0;
  for (let index = 0; index < user.length; index++) hash = (hash * 31 + user.charCodeAt(index)) >>> 0;
  return hash % AVATAR_COLOR_COUNT;
}
