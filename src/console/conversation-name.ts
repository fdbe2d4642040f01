/** Returns what is wrong with a conversation's name, by the rules of the server (protocol/identifiers.ts). */
export function conversationProblem(name: string): string | undefined {
  if (name === "") return "Name a conversation, for example lobby.";
  if (name === "." || name === "..") return "No conversation can be called . or ..";
  if (isIdentifier(name)) return undefined;
  return "Use 1 to 128 of A-Z a-z 0-9 . _ : @ - and no spaces.";
}

/** Whether `text` is a valid name of a user or a conversation. */
export function isIdentifier(text: string): boolean {
  return /^(?!\.{1,2}$)[A-Za-z0-9._:@-]{1,128}$/.test(text);
}
