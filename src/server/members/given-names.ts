import { createHmac, randomBytes } from "node:crypto";
import { directKey, GIVEN_NAME_BYTES, givenName, requestKey } from "../../core/members/names.ts";
import { ERASED_USER } from "../../core/person/erased-user.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";

/** Returns a new name that cannot be guessed. */
export function newName(): string {
  return givenName(randomBytes(GIVEN_NAME_BYTES));
}

/** Returns the name of the conversation that `maker` makes with the request `id`. */
export async function nameOfRequest(
  store: Pick<MemberStore, "nameSecret">,
  maker: string,
  id: string,
): Promise<string> {
  return keyedName(await store.nameSecret(), requestKey(maker, id));
}

/**
 * Returns the name of the one direct conversation of two users. One whose other user was erased stays with its user, and is not for a
 * new person of that name (docs/decisions/0040-erase-a-person.md).
 */
export async function nameOfDirect(
  store: Pick<MemberStore, "nameSecret" | "read">,
  pair: readonly [string, string],
): Promise<string> {
  const secret = await store.nameSecret();
  for (let former = 0; ; former++) {
    const name = keyedName(secret, directKey(pair, former));
    const direct = (await store.read(name, [])).facts?.direct;
    if (direct?.includes(ERASED_USER) !== true) return name;
  }
}

function keyedName(secret: string, text: string): string {
  return givenName(createHmac("sha256", Buffer.from(secret, "hex")).update(text).digest());
}
