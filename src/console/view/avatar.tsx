/** Number of colours. */
const AVATAR_COLOR_COUNT = 6;

/** A round mark with the user's first letter (and last digit), in a colour that is always the same for the same name. */
export function Avatar({ user }: { readonly user: string }) {
  return (
    <span class={`avatar tone-${colorIndexOf(user)}`} aria-hidden="true">
      {initialsOf(user)}
    </span>
  );
}

/** `user1` and `user2` only differ in their last character. */
function initialsOf(user: string): string {
  const number = /\d$/.exec(user)?.[0] ?? "";
  return `${(user[0] ?? "?").toUpperCase()}${user.length > 1 ? number : ""}`;
}

function colorIndexOf(user: string): number {
  let hash = 0;
  for (let index = 0; index < user.length; index++) hash = (hash * 31 + user.charCodeAt(index)) >>> 0;
  return hash % AVATAR_COLOR_COUNT;
}
